/** Processes that lead a group of their own (`spawn` with `detached`), and are ended together with all that they started. */

/** Milliseconds from the polite signal to the one that nobody can ignore. */
const GRACE = 2000;
/** Milliseconds that the system may take to do away with what was killed. */
const DEATH = 500;

/** SIGTERM to the whole group, and SIGKILL after the grace time to what is left. Settles when the group is gone; never rejects. */
export const endGroup = async (pid: number): Promise<void> => {
  signalGroup(pid, "SIGTERM");
  if (!(await gone(pid, GRACE)) && signalGroup(pid, "SIGKILL")) await gone(pid, DEATH);
  forgetGroup(pid);
};

/** False when something of the group is left after that time. */
const gone = async (pid: number, ms: number): Promise<boolean> => {
  const end = performance.now() + ms;
  while (signalGroup(pid, 0)) {
    if (performance.now() >= end) return false;
    await new Promise((ok) => setTimeout(ok, 20));
  }
  return true;
};

/** False when nothing of the group is left. On Windows the process alone is signalled. */
const signalGroup = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")) return false;
    throw error;
  }
};

const groups = new Set<number>();
const endAll = () => {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
};
/** From now on the group ends with this process. */
export const keepGroup = (pid: number): void => {
  if (groups.size === 0) listen();
  groups.add(pid);
};
export const forgetGroup = (pid: number): void => {
  if (groups.delete(pid) && groups.size === 0) listenNoMore();
};

/** These end a process without `exit`, and a terminal does not send them to groups of their own. */
const DEADLY: ReadonlySet<string | symbol> = new Set<NodeJS.Signals>(["SIGTERM", "SIGINT", "SIGHUP"]);
const endBy = (signal: NodeJS.Signals): void => {
  endAll();
  process.removeListener(signal, endBy); // so that it does what it would have done without us
  process.kill(process.pid, signal);
};
/** Who listens to a signal decides what it does; some look whether they are alone with it. Afterwards: the signal's last listener may not go. */
const stepAside = (event: string | symbol): void => {
  if (DEADLY.has(event)) queueMicrotask(() => process.removeListener(event, endBy));
};
const listen = (): void => {
  process.once("exit", endAll);
  for (const signal of DEADLY) if (process.listenerCount(signal) === 0) process.on(signal, endBy);
  process.on("newListener", stepAside);
};
const listenNoMore = (): void => {
  process.removeListener("exit", endAll);
  process.removeListener("newListener", stepAside);
  for (const signal of DEADLY) process.removeListener(signal, endBy);
};

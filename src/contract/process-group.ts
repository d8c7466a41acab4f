/** Processes that lead a group of their own (`spawn` with `detached`), and are ended together with all that they started. */

/** Milliseconds from the polite signal to the one that nobody can ignore. */
const GRACE = 2000;

/** SIGTERM to the whole group, and SIGKILL after the grace time to what is left. Settles when the group is gone; never rejects. */
export const endGroup = async (pid: number): Promise<void> => {
  let left = signalGroup(pid, "SIGTERM");
  for (let waited = 0; left && waited < GRACE; waited += 20) {
    await new Promise((ok) => setTimeout(ok, 20));
    left = signalGroup(pid, 0);
  }
  if (left) signalGroup(pid, "SIGKILL");
  forgetGroup(pid);
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
  if (groups.size === 0) process.once("exit", endAll);
  groups.add(pid);
};
export const forgetGroup = (pid: number): void => {
  groups.delete(pid);
  if (groups.size === 0) process.removeListener("exit", endAll);
};

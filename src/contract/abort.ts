/** The promise; or, as soon as the signal aborts, its reason. What is waited for goes on unheard. */
export const orAbort = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((ok, no) => {
    const stop = () => no(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    work.then(ok, no).finally(() => signal.removeEventListener("abort", stop));
  });

// Wait so many seconds and tell each one; the network that is back, or the reader, ends the wait.
export async function countdown(seconds, tell, signal) {
  for (let left = Math.ceil(seconds); left > 0 && !signal?.aborted; left -= 1) {
    tell(left);
    if (await woken(signal)) return;
  }
}

function woken(signal) {
  return new Promise((resolve) => {
    const end = (early) => {
      clearTimeout(timer);
      removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      signal?.removeEventListener("abort", wake);
      resolve(early);
    };
    const wake = () => end(document.visibilityState === "visible");
    const timer = setTimeout(() => end(false), 1000);
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    signal?.addEventListener("abort", wake);
  });
}

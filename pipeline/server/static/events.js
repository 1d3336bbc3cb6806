// What happens to the scans, told by the server as it happens, with a new try where the line is cut.
import { Away, Refusal, ask } from "./api.js";
import { countdown } from "./countdown.js";

const LONGEST_PAUSE_S = 15;

// Follow all scans. `onback` is called each time the line stands, since something may have been missed; `onaway` each second
// with those left until the next try.
export function follow({ onscan, ondeleted, onback, onaway }) {
  let pause = 1;
  const connect = () => {
    const line = new EventSource("v1/events");
    line.addEventListener("open", () => {
      pause = 1;
      onback();
    });
    line.addEventListener("scan", (event) => onscan(JSON.parse(event.data)));
    line.addEventListener("deleted", (event) => ondeleted(JSON.parse(event.data).id));
    line.addEventListener("error", () => {
      line.close();
      void retry();
    });
  };
  const retry = async () => {
    for (;;) {
      await countdown(pause, onaway);
      pause = Math.min(2 * pause, LONGEST_PAUSE_S);
      try {
        // An event source does not tell why it failed; this asks for a token where one is missing.
        await ask("v1/scans?limit=1");
        return connect();
      } catch (error) {
        if (!(error instanceof Away || error instanceof Refusal)) throw error;
      }
    }
  };
  connect();
}

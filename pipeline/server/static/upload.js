// One file on its way to the server by tus 1.0: in chunks, on from where it stopped after a cut or a reload.
import { Away, Refusal, ask, send } from "./api.js";
import { countdown } from "./countdown.js";
import { say } from "./texts.js";

const CHUNK = 4 * 2 ** 20;
const TUS = { "Tus-Resumable": "1.0.0" };
const LONGEST_PAUSE_S = 30;
const KEY = "facewitness.uploads";
const KEPT = 200;

// The states are queued, sending, paused (goes on by itself), refused, sent and stopped.
export class Upload {
  constructor(file, onchange) {
    this.file = file;
    this.id = null;
    this.sent = 0;
    this.state = "queued";
    this.message = "";
    this.onchange = onchange;
    this.key = `${file.name}:${file.size}:${file.lastModified}`;
    this.stopping = new AbortController();
  }

  async run() {
    this.stopping = new AbortController();
    for (let failures = 0; ; failures += 1) {
      const before = this.sent;
      try {
        this.#now("sending");
        await this.#sendAll();
        forget(this.key);
        return this.#now("sent");
      } catch (error) {
        if (this.stopping.signal.aborted) return this.#now("stopped");
        if (!(error instanceof Away || error instanceof Refusal)) {
          if (error.name === "NotReadableError" || error.name === "NotFoundError") return this.#now("refused", say.unreadable);
          throw error;
        }
        if (error instanceof Refusal && !error.passes) return this.#now("refused", error.message);
        if (this.sent > before) failures = 0;
        await this.#pause(error, Math.max(error.retryAfter ?? 0, Math.min(2 ** failures, LONGEST_PAUSE_S)));
        if (this.stopping.signal.aborted) return this.#now("stopped");
      }
    }
  }

  // Break off for good; what the server has of it is removed there.
  async stop() {
    this.stopping.abort();
    forget(this.key);
    if (this.state === "queued" || this.state === "refused") this.#now("stopped");
    if (this.id) await ask(`v1/uploads/${this.id}`, { method: "DELETE", headers: TUS }).catch(() => null);
  }

  async #sendAll() {
    this.sent = (await this.#found()) ?? (await this.#create());
    this.onchange(this);
    while (this.sent < this.file.size) {
      const start = this.sent;
      // Read first: a file that has gone is told from a network that has.
      const bytes = await this.file.slice(start, start + CHUNK).arrayBuffer();
      const headers = { ...TUS, "Upload-Offset": String(start), "Content-Type": "application/offset+octet-stream" };
      const answer = await send(`v1/uploads/${this.id}`, headers, bytes, {
        signal: this.stopping.signal,
        onprogress: (loaded) => {
          this.sent = start + Math.min(loaded, bytes.byteLength);
          this.onchange(this);
        },
      }).catch((error) => {
        this.sent = start;
        throw error;
      });
      this.sent = Number(answer.getResponseHeader("Upload-Offset")) || start + bytes.byteLength;
      this.onchange(this);
    }
  }

  // How much of it the server has from an earlier time; null if nothing.
  async #found() {
    this.id = recall(this.key);
    if (!this.id) return null;
    try {
      const answer = await ask(`v1/uploads/${this.id}`, { method: "HEAD", headers: TUS, signal: this.stopping.signal });
      return Number(answer.headers.get("Upload-Offset"));
    } catch (error) {
      if (!(error instanceof Refusal) || ![403, 404, 410].includes(error.status)) throw error;
    }
    // The last answer may have been lost, with the file whole on the other side.
    const scan = await ask(`v1/scans/${this.id}`, { signal: this.stopping.signal }).then(
      (answer) => answer.json(),
      (error) => {
        if (error instanceof Refusal && error.status === 404) return null;
        throw error;
      },
    );
    if (scan && scan.state !== "uploading") return this.file.size;
    forget(this.key);
    return null;
  }

  async #create() {
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(this.file.name)));
    const headers = { ...TUS, "Upload-Length": String(this.file.size), "Upload-Metadata": `filename ${name}` };
    const answer = await ask("v1/uploads", { method: "POST", headers, signal: this.stopping.signal });
    this.id = new URL(answer.headers.get("Location"), document.baseURI).pathname.split("/").pop();
    keep(this.key, this.id);
    return 0;
  }

  #pause(error, seconds) {
    return countdown(seconds, (left) => this.#now("paused", say.retry(error.message, left)), this.stopping.signal);
  }

  #now(state, message = "") {
    this.state = state;
    this.message = message;
    this.onchange(this);
  }
}

// Ids of uploads that this browser began and has not finished: the rows of these can be gone on with.
export function begun() {
  return new Set(Object.values(all()));
}

function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function store(uploads) {
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(Object.entries(uploads).slice(-KEPT))));
  } catch {
    // A browser that keeps nothing begins anew after a reload.
  }
}

const recall = (key) => all()[key] ?? null;
const keep = (key, id) => store({ ...all(), [key]: id });

function forget(key) {
  const { [key]: _, ...rest } = all();
  store(rest);
}

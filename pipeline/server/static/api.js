// Requests to the server. What it refuses is thrown with its own sentence.
import { signIn } from "./session.js";
import { say } from "./texts.js";

const PASSING = [408, 409, 423, 425, 429, 500, 502, 503, 504];

// The server answered, and said no.
export class Refusal extends Error {
  constructor(status, text, retryAfter) {
    super(sentenceOf(text) ?? say.failed(status));
    this.status = status;
    this.retryAfter = Number(retryAfter) || 0;
  }

  // Whether the same may work in a while.
  get passes() {
    return PASSING.includes(this.status);
  }
}

// The server did not answer.
export class Away extends Error {
  constructor() {
    super(say.noAnswer);
  }
}

export async function ask(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", ...options }).catch((error) => {
    throw error.name === "AbortError" ? error : new Away();
  });
  if (answer.ok) return answer;
  if (answer.status === 401) {
    await signIn();
    return ask(path, options);
  }
  throw new Refusal(answer.status, await answer.text(), answer.headers.get("Retry-After"));
}

// Send bytes, and tell how many have gone as they go, which fetch cannot.
export function send(path, headers, bytes, { onprogress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open("PATCH", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onprogress(event.loaded);
    request.onload = async () => {
      if (request.status >= 200 && request.status < 300) return resolve(request);
      if (request.status !== 401) return reject(new Refusal(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      await signIn();
      send(path, headers, bytes, { onprogress, signal }).then(resolve, reject);
    };
    request.onerror = () => reject(new Away());
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    request.send(bytes);
  });
}

function sentenceOf(text) {
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" && detail ? detail : null;
  } catch {
    return null;
  }
}

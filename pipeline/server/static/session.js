// The token of the server: asked for when it is needed, and kept by the server in a cookie that scripts cannot read.
import { say } from "./texts.js";

const at = (id) => document.getElementById(id);
let asking = null;

// Ask for the token until the server takes it; all who need it meanwhile wait for the same answer.
export function signIn() {
  asking ??= new Promise((resolve) => {
    const dialog = at("sign-in");
    const tell = (sentence) => {
      at("sign-in-error").textContent = sentence;
      at("sign-in-error").hidden = !sentence;
    };
    const given = async (event) => {
      event.preventDefault();
      const answer = await fetch("session", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token: at("token").value }),
      }).catch(() => null);
      if (!answer?.ok) {
        tell(answer ? (answer.status === 401 || answer.status === 403 ? say.wrongToken : say.failed(answer.status)) : say.noAnswer);
        at("token").select();
        return;
      }
      at("sign-in-form").removeEventListener("submit", given);
      at("token").value = "";
      at("sign-out").hidden = false;
      remember(true);
      asking = null;
      dialog.close();
      resolve();
    };
    tell("");
    // Without a token there is nothing behind the dialog to go back to.
    dialog.oncancel = (event) => event.preventDefault();
    at("sign-in-form").addEventListener("submit", given);
    dialog.showModal();
  });
  return asking;
}

export function offerSignOut() {
  at("sign-out").hidden = !isSignedIn();
  at("sign-out").addEventListener("click", async () => {
    await fetch("session", { method: "DELETE" }).catch(() => null);
    remember(false);
    location.reload();
  });
}

const KEY = "facewitness.signed-in";

function isSignedIn() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

function remember(signedIn) {
  try {
    if (signedIn) localStorage.setItem(KEY, "1");
    else localStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing only forgets to offer the way out.
  }
}

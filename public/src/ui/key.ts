// The stream key: asked for when the server wants one, kept until the tab is closed.

import { HttpError } from "../server/problem.ts";
import { forgetKey, keepKey, storedKey } from "../server/token.ts";
import { byId } from "./dom.ts";

export { storedKey };

/** No key was given. */
export class NoKeyError extends Error {
  constructor() {
    super("This takes a stream key. Ask whoever runs this server for one.");
  }
}

/** Runs task, asking for the key as often as the server does and the user gives one. */
export async function withKey(task: () => Promise<void>): Promise<void> {
  for (;;) {
    const shown = storedKey();
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof HttpError && [401, 403].includes(error.status))) throw error;
      if (storedKey() !== shown) continue; // another one has been given, or taken back, since it was shown
      if (!(await askKey(refusal(error)))) throw new NoKeyError();
    }
  }
}

/** Why a key is asked for; one that was refused is forgotten. */
function refusal(error: HttpError): string {
  const given = storedKey() !== "";
  forgetKey();
  if (!given) return "This takes a key here.";
  return error.status === 403 ? error.message : "The key was not accepted.";
}

/** The question that is on the screen. */
let asked: Promise<boolean> | undefined;

/** Opens the page's #key-dialog; resolves to whether a key was given. Whoever asks while it is open waits for the same answer. */
function askKey(reason: string): Promise<boolean> {
  asked ??= openDialog(reason).finally(() => (asked = undefined));
  return asked;
}

function openDialog(reason: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("key-dialog");
  const input = byId<HTMLInputElement>("key");
  byId("key-text").textContent =
    `${reason} The key comes from whoever runs this server, and is kept until you close this tab.`;
  input.value = "";
  dialog.returnValue = "cancel"; // what Escape leaves
  byId("key-cancel").onclick = () => dialog.close("cancel");
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue === "ok" && input.value !== "";
        if (given) keepKey(input.value.trim());
        resolve(given);
      },
      { once: true },
    );
  });
}

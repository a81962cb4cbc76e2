// Buttons that record a live stream, or stop that.

import { record, type Stream } from "../server/api.ts";
import { describe } from "../server/problem.ts";
import { el, setNotice, setText } from "./dom.ts";
import { NoKeyError, storedKey, withKey } from "./key.ts";

/** A button for each stream, which stays the same while the page is there, so that it keeps the focus. */
const buttons = new Map<string, HTMLButtonElement>();

export const isRecorded = ({ recording }: Pick<Stream, "recording">) => recording?.state === "recording";

/** The button for a stream, as it stands now. Faults are told in the notice; done is called after a success. */
export function recordButton(name: string, recorded: boolean, notice: HTMLElement, done: () => void = () => undefined): HTMLButtonElement {
  let button = buttons.get(name);
  if (!button) {
    button = el("button", { className: "button small", type: "button" });
    buttons.set(name, button);
  }
  button.classList.toggle("recording-now", recorded);
  setText(button, recorded ? "Stop recording" : "Record");
  button.setAttribute("aria-label", `${recorded ? "Stop recording" : "Record"} ${name}`);
  button.onclick = () => void press(button, name, !recorded, notice, done);
  return button;
}

async function press(button: HTMLButtonElement, name: string, on: boolean, notice: HTMLElement, done: () => void): Promise<void> {
  button.disabled = true;
  setNotice(notice, "");
  try {
    await withKey(() => record(name, on, storedKey()));
    done();
  } catch (error) {
    if (!(error instanceof NoKeyError)) setNotice(notice, describe(error));
  } finally {
    button.disabled = false;
  }
}

// Clips: the dialog that makes one, and where it is seen.

import { clipAddress, findServer, makeClip, type ClipRequest } from "../server/api.ts";
import { describe } from "../server/problem.ts";
import { copyOnClick } from "./copy.ts";
import { byId, setNotice, setText } from "./dom.ts";
import { NoKeyError, storedKey, withKey } from "./key.ts";

/** Whether this page may offer clips: where it takes a key to steer, to who has given one. */
export async function mayClip(): Promise<boolean> {
  return storedKey() !== "" || !(await findServer()).authAdmin;
}

/** What is to be cut out, when that is so many seconds long. */
type Part = (seconds: number) => ClipRequest;

let part: Part | undefined;
let of = "";

/** Sets the dialog up, once for each page. */
export function setUpClips(): void {
  const dialog = byId<HTMLDialogElement>("clip-dialog");
  for (const id of ["clip-cancel", "clip-close"]) byId(id).addEventListener("click", () => dialog.close());
  copyOnClick(byId<HTMLButtonElement>("clip-copy"), byId("clip-link"));
  byId("clip-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void make();
  });
}

/** Opens the dialog for a stream. What is to be cut out is settled now, not when the title has been written. */
export function openClip(stream: string, what: Part): void {
  of = stream;
  part = what;
  byId("clip-form").hidden = false;
  byId("clip-done").hidden = true;
  setNotice(byId("clip-fault"), "");
  byId<HTMLInputElement>("clip-name").value = "";
  byId<HTMLDialogElement>("clip-dialog").showModal();
}

async function make(): Promise<void> {
  const button = byId<HTMLButtonElement>("clip-make");
  const title = byId<HTMLInputElement>("clip-name").value.trim();
  const seconds = Number(byId<HTMLSelectElement>("clip-length").value);
  if (!part) return;
  const wanted = { ...part(seconds), title };
  button.disabled = true;
  setNotice(byId("clip-fault"), "");
  try {
    await withKey(async () => {
      const address = clipAddress(await makeClip(of, wanted, storedKey()));
      setText(byId("clip-link"), address);
      byId<HTMLAnchorElement>("clip-link").href = address;
    });
    byId("clip-form").hidden = true;
    byId("clip-done").hidden = false;
    byId("clip-close").focus();
  } catch (error) {
    if (!(error instanceof NoKeyError)) setNotice(byId("clip-fault"), describe(error));
  } finally {
    button.disabled = false;
  }
}

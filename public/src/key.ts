// The stream key: asked for when the server wants one, kept until the tab is closed.

import { byId } from "./dom.ts";

const slot = "sluice.key";

export const storedKey = () => sessionStorage.getItem(slot) ?? "";

export const forgetKey = () => sessionStorage.removeItem(slot);

/** Opens the page's #key-dialog; resolves to whether a key was given. */
export function askKey(reason: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("key-dialog");
  const input = byId<HTMLInputElement>("key");
  byId("key-text").textContent =
    `${reason} The key comes from whoever runs this server, and is kept until you close this tab.`;
  input.value = "";
  dialog.returnValue = "cancel"; // what Escape leaves
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue === "ok" && input.value !== "";
        if (given) sessionStorage.setItem(slot, input.value.trim());
        resolve(given);
      },
      { once: true },
    );
  });
}

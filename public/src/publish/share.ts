// Links to share, and the buttons that copy them.

import { byId, el } from "../ui/dom.ts";

/** Puts a stream's addresses into the page's links. */
export function shareStream(urls: { watch: string; hls: string; dash: string }): void {
  for (const kind of ["watch", "hls", "dash"] as const) {
    const link = byId<HTMLAnchorElement>(`${kind}-link`);
    link.href = urls[kind];
    // The whole address, as it is to be passed on; long ones break behind their slashes.
    link.replaceChildren(...link.href.split(/(?<=\/)/).flatMap((part) => [part, el("wbr")]));
    link.target = "_blank";
  }
}

/** Makes each button with data-copy copy the address of the link it names. */
export function setUpSharing(): void {
  document.querySelectorAll<HTMLButtonElement>("button[data-copy]").forEach((button) => {
    button.addEventListener("click", () => copy(button, byId<HTMLAnchorElement>(button.dataset.copy ?? "")));
  });
}

async function copy(button: HTMLButtonElement, link: HTMLAnchorElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(link.href);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  } catch {
    // No clipboard without HTTPS: select the address, so that one key copies it.
    getSelection()?.selectAllChildren(link);
  }
}

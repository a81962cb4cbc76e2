// Buttons that copy what is shown.

/** Makes a button copy the text of an element. */
export function copyOnClick(button: HTMLButtonElement, shown: HTMLElement): void {
  button.addEventListener("click", () => void copy(button, shown));
}

async function copy(button: HTMLButtonElement, shown: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(shown.textContent ?? "");
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  } catch {
    // No clipboard without HTTPS: select the text, so that one key copies it.
    getSelection()?.selectAllChildren(shown);
  }
}

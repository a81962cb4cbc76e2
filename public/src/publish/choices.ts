// What was chosen on a page, kept in this browser for the next visit.

/** A control with a value: a select, or one of a group of radio buttons, or a checkbox. */
export type Control = HTMLSelectElement | HTMLInputElement;

/** Reads what was kept. It may be anybody's: whatever is no text by name is left out. */
export function parseChoices(text: string | null): Record<string, string> {
  try {
    const kept: unknown = JSON.parse(text ?? "{}");
    if (!kept || typeof kept !== "object") return {};
    return Object.fromEntries(Object.entries(kept).filter(([, value]) => typeof value === "string"));
  } catch {
    return {};
  }
}

const keyOf = (control: Control) => control.name || control.id;

/** The value of a control; undefined for a radio button that is not the chosen one. */
export function valueOf(control: Control): string | undefined {
  if (control.type === "checkbox") return String((control as HTMLInputElement).checked);
  if (control.type === "radio" && !(control as HTMLInputElement).checked) return undefined;
  return control.value;
}

/** Chooses what was kept, where that can still be chosen. */
export function apply(control: Control, kept: string | undefined): void {
  if (kept === undefined) return;
  if (control.type === "checkbox") (control as HTMLInputElement).checked = kept === "true";
  else if (control.type === "radio") (control as HTMLInputElement).checked = control.value === kept;
  else if ([...(control as HTMLSelectElement).options].some(({ value }) => value === kept)) control.value = kept;
}

/** Shows what was chosen at the last visit, and keeps from now on what is chosen. */
export function remember(slot: string, controls: readonly Control[]): void {
  const kept = parseChoices(read(slot));
  const keep = () => {
    const chosen = controls.map((control) => [keyOf(control), valueOf(control)] as const).filter(([, value]) => value !== undefined);
    write(slot, JSON.stringify(Object.fromEntries(chosen)));
  };
  for (const control of controls) {
    apply(control, kept[keyOf(control)]);
    control.addEventListener("change", keep);
  }
}

/** Opens a fold that was open at the last visit, and keeps from now on whether it is. */
export function rememberOpen(slot: string, fold: Pick<HTMLDetailsElement, "open" | "addEventListener">): void {
  fold.open = read(slot) === "open";
  fold.addEventListener("toggle", () => write(slot, fold.open ? "open" : "closed"));
}

// Storage may be forbidden; then choices last as long as the page.
function read(slot: string): string | null {
  try {
    return localStorage.getItem(slot);
  } catch {
    return null;
  }
}

function write(slot: string, text: string): void {
  try {
    localStorage.setItem(slot, text);
  } catch {
    // see above
  }
}

// Asking again and again without alarming anybody over one lost answer.

import { describe } from "../server/problem.ts";
import { setNotice } from "./dom.ts";

const failures = new WeakMap<HTMLElement, number>();

/** Failures in a row before the notice shows. */
const tolerated = 1;

/** Runs task; shows its error in the notice once it has failed twice in a row, and hides it after a success. */
export async function guarded(notice: HTMLElement, task: () => Promise<void>): Promise<void> {
  try {
    await task();
    if (failures.delete(notice)) setNotice(notice, "");
  } catch (error) {
    const count = (failures.get(notice) ?? 0) + 1;
    failures.set(notice, count);
    if (count > tolerated) setNotice(notice, describe(error));
  }
}

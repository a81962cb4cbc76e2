// What the server makes of the pictures before it encodes them, chosen on the publish page.

import { chooseTransform, listTransforms, type Stream } from "./api.ts";
import { byId, setNotice } from "./dom.ts";
import { storedKey } from "./key.ts";
import { describe } from "./problem.ts";

const select = byId<HTMLSelectElement>("transform");
let refused = ""; // what the server has refused, which is not asked for again

const label = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

/** Offers what the server knows. */
export async function setUpTransforms(): Promise<void> {
  select.addEventListener("change", () => {
    refused = "";
    setNotice(byId("transform-fault"), "");
  });
  for (const name of await listTransforms().catch(() => [])) select.add(new Option(label(name), name));
}

/** Asks the server for what is chosen, where it does something else with the stream. */
export async function followTransform({ name, encoder }: Stream): Promise<void> {
  if (!encoder || encoder.transform === undefined || encoder.transform === select.value || select.value === refused) return;
  if (encoder.transformReason) return giveUp(encoder.transformReason);
  await chooseTransform(name, select.value, storedKey()).catch((error: unknown) => giveUp(describe(error)));
}

function giveUp(reason: string): void {
  refused = select.value;
  setNotice(byId("transform-fault"), reason);
}

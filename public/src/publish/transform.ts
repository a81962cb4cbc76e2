// How the server transforms the video before it encodes it, chosen on the publish page.

import { chooseTransform, listTransforms, type Stream } from "../server/api.ts";
import { describe } from "../server/problem.ts";
import { byId, setNotice } from "../ui/dom.ts";
import { storedKey } from "../ui/key.ts";

const select = byId<HTMLSelectElement>("transform");
let asked: string | undefined; // what the server was asked for last
let refused: string | undefined; // what it has refused, which is not asked for again

const label = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

/** Offers what the server knows. */
export async function setUpTransforms(): Promise<void> {
  select.addEventListener("change", () => {
    refused = undefined;
    setNotice(byId("transform-fault"), "");
  });
  for (const name of await listTransforms().catch(() => [])) select.add(new Option(label(name), name));
}

/** Asks the server for what is chosen, where it does something else with the stream. */
export async function followTransform({ name, encoder }: Stream): Promise<void> {
  const wanted = select.value;
  if (encoder?.transform === undefined || encoder.transform === wanted || wanted === refused) return;
  if (encoder.transformReason && wanted === asked) return giveUp(wanted, encoder.transformReason);
  asked = wanted;
  await chooseTransform(name, wanted, storedKey()).catch((error: unknown) => giveUp(wanted, describe(error)));
}

function giveUp(wanted: string, reason: string): void {
  refused = wanted;
  setNotice(byId("transform-fault"), reason);
}

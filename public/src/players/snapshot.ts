// One picture of the stream as a file, full size.

import { at } from "../server/base.ts";
import { request } from "../server/problem.ts";
import { withToken } from "../server/token.ts";

/** The address of a picture: of an instant in milliseconds since 1970, or NaN for the newest. */
export function snapshotAddress(name: string, instant: number): string {
  const query = Number.isFinite(instant) ? `?at=${new Date(instant).toISOString()}` : "";
  return withToken(at(`/live/${name}/snapshot.jpg${query}`));
}

/** How long a picture may take, in milliseconds: it is made when it is asked for, and large. */
const longest = 60000;

/** Lets the browser save what an address answers, under the name that the answer gives it; rejects with why there is nothing. */
export async function save(address: string): Promise<void> {
  const response = await request(address, undefined, longest);
  const file = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = file;
  link.download = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "snapshot.jpg";
  link.click();
  setTimeout(() => URL.revokeObjectURL(file), 60000);
}

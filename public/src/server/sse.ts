// Server-sent events (HTML §9.2) read by fetch, which can send a key where EventSource cannot.

/** The data of all events that are whole in text, and what is left of it. Only what this server sends is understood: one line of data each. */
export function splitEvents(text: string): { data: string[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const data = blocks.flatMap((block) => block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)));
  return { data, rest };
}

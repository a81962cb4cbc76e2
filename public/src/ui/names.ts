// Stream names: their grammar, and friendly ones made up.

const grammar = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const isStreamName = (name: string) => grammar.test(name);

const adjectives =
  "amber bright calm clear crisp eager fresh gentle golden happy light lively mellow misty quick quiet rapid silver sunny".split(" ");
const nouns =
  "bay bridge brook canal cove creek delta falls fjord gate harbor lagoon lake mill pond reef river spring stream weir".split(" ");

/** Makes a name such as calm-river-42; random returns numbers from 0 up to 1. */
export function suggestName(random: () => number = Math.random): string {
  const pick = (words: string[]) => words[Math.floor(random() * words.length)];
  return `${pick(adjectives)}-${pick(nouns)}-${10 + Math.floor(random() * 90)}`;
}

/** The name in the path of a watch page, wherever the service stands; empty when there is none or it is no stream's name. */
export function nameFromPath(path: string): string {
  const part = /\/watch\/([^/]+)\/?$/.exec(path)?.[1] ?? "";
  return isStreamName(part) ? part : "";
}

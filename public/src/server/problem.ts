// Errors of the HTTP interface (application/problem+json, RFC 9457) as sentences for people.

/** An answer that is not a success. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Seconds that the server asks to wait (Retry-After), 0 when it does not say. */
    readonly retryAfter = 0,
  ) {
    super(message);
    this.name = "HttpError";
  }
}

/** Longest text of an answer that is shown as it is. */
const maxDetail = 500;

/** What a status means when the server sends no sentence. */
const meanings: Record<number, string> = {
  0: "The server cannot be reached. Check the connection.",
  401: "The server asks for a stream key.",
  403: "This key is not valid for this stream.",
  404: "There is no such stream.",
  409: "Somebody else is already live under this name.",
  413: "The request is too large for the server.",
  422: "The server takes none of the codecs that this browser offers.",
  429: "Too many attempts. Wait a moment.",
  503: "The server is busy. Try again in a moment.",
};

/** Makes the sentence for an answer from its status, content type and body. */
export function problemText(status: number, type: string, body: string): string {
  if (type.includes("json")) {
    try {
      const problem: unknown = JSON.parse(body);
      if (problem && typeof problem === "object") {
        const { detail, title } = problem as { detail?: unknown; title?: unknown };
        for (const text of [detail, meanings[status], title]) {
          if (typeof text === "string" && text !== "") return sentence(text.slice(0, maxDetail));
        }
      }
    } catch {
      // not JSON after all: the status has to do
    }
  }
  return meanings[status] ?? `The server answered with status ${status}.`;
}

/** Makes a sentence of words that may lack the capital or the full stop. */
export function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

/** Reads a Retry-After header that holds seconds. */
export function retryAfter(header: string | null): number {
  const seconds = Number(header);
  return header && Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

/** How long an answer may take with its body, in milliseconds. Where a network swallows packets, fetch itself waits for minutes. */
const answerLimit = 15000;

/**
 * fetch that throws an HttpError, with the server's own sentence, for everything but a success: an answer that has not come within so
 * many milliseconds has status 0, and its body cannot be read any further.
 */
export async function request(url: string, init?: RequestInit, within = answerLimit): Promise<Response> {
  return ask(url, init, limited(within).limit);
}

/** request for an answer that has no end: only its beginning has to come in time. What is returned with it ends it. */
export async function requestStream(url: string, init?: RequestInit): Promise<{ response: Response; end: (reason: Error) => void }> {
  const { limit, timer } = limited(answerLimit);
  const response = await ask(url, init, limit).finally(() => clearTimeout(timer));
  return { response, end: (reason) => limit.abort(reason) };
}

function limited(within: number) {
  const limit = new AbortController();
  return { limit, timer: setTimeout(() => limit.abort(silent()), within) };
}

/** What is to be said of a server that says nothing. */
export const silent = () => new HttpError(0, "The server does not answer. Check the connection.");

async function ask(url: string, init: RequestInit | undefined, limit: AbortController): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal: limit.signal });
  } catch (cause) {
    throw cause instanceof HttpError ? cause : new HttpError(0, problemText(0, "", ""));
  }
  if (response.ok) return response;
  const body = await response.text().catch(() => ""); // without it the status has to do
  const text = problemText(response.status, response.headers.get("Content-Type") ?? "", body);
  throw new HttpError(response.status, text, retryAfter(response.headers.get("Retry-After")));
}

/** The sentence for any thrown thing. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

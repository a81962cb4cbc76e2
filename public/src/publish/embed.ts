// The code that shows a stream in a page of another site.

/** Characters that end an attribute or begin an entity in HTML. */
const escapes: Record<string, string> = { "&": "&amp;", '"': "&quot;", "<": "&lt;" };

const attribute = (value: string) => value.replace(/[&"<]/g, (found) => escapes[found] ?? found);

/** An iframe of a stream's player. */
export function embedCode(url: string, title: string): string {
  const allow = "autoplay; fullscreen; picture-in-picture";
  return `<iframe src="${attribute(url)}" title="${attribute(title)}" width="640" height="360" allow="${allow}" frameborder="0"></iframe>`;
}

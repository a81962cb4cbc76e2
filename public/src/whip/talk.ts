// What the publisher of a stream and its viewers write to each other, over a data channel beside the media.

import { note, say } from "../rooms/messages.ts";

/** Of the events of a stream's channel those that are shown. */
interface TalkEvent {
  event: string;
  from?: string;
  text?: string;
  detail?: string;
}

/** Characters of a viewer's name that are shown. */
const shown = 4;

/** The panel #talk of a page, which shows while there is a channel. */
export class Talk {
  private channel: RTCDataChannel | undefined;
  private readonly panel = document.getElementById("talk");
  private readonly form = document.getElementById("say") as HTMLFormElement | null;

  /** other is what who is heard is called: a publisher, or a viewer, who has a name of its own too. */
  constructor(private readonly other: "Publisher" | "Viewer") {
    if (this.form) this.form.onsubmit = (event) => this.submit(event);
  }

  /** Opens the channel, before the offer. */
  attach(peer: RTCPeerConnection): void {
    if (!this.panel) return;
    const channel = peer.createDataChannel("sluice");
    this.channel = channel;
    channel.onopen = () => this.show(channel, true);
    channel.onclose = () => this.show(channel, false);
    channel.onmessage = ({ data }) => {
      if (typeof data === "string") this.hear(JSON.parse(data) as TalkEvent);
    };
  }

  /** Ends it; the connection is closed by others. */
  close(): void {
    this.channel = undefined;
    if (this.panel) this.panel.hidden = true;
  }

  private show(channel: RTCDataChannel, open: boolean): void {
    if (this.panel && channel === this.channel) this.panel.hidden = !open;
  }

  private hear({ event, from, text, detail }: TalkEvent): void {
    if (event === "message") say(this.other === "Viewer" ? `Viewer ${(from ?? "").slice(0, shown)}` : this.other, text ?? "");
    if (event === "error") note(detail ?? "");
  }

  private submit(event: Event): void {
    event.preventDefault();
    const input = document.getElementById("text") as HTMLInputElement;
    const text = input.value.trim();
    if (!text || this.channel?.readyState !== "open") return;
    this.channel.send(JSON.stringify({ event: "message", text }));
    say("You", text);
    input.value = "";
  }
}

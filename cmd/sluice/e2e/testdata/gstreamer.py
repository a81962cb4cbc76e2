"""Speaks the signalling of gst-plugins-rs with webrtcbin: produces or plays a stream, and prints what it measured as one JSON object.

usage: gstreamer.py produce|consume WS_URL STREAM SECONDS
"""
import asyncio
import json
import sys
import time

import gi

for name, version in (("Gst", "1.0"), ("GstWebRTC", "1.0"), ("GstSdp", "1.0")):
    gi.require_version(name, version)
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402
import websockets  # noqa: E402

SENDING = (
    "webrtcbin name=peer bundle-policy=max-bundle "
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=30/1 ! vp8enc deadline=1 cpu-used=8 "
    "keyframe-max-dist=30 target-bitrate=1000000 ! rtpvp8pay picture-id-mode=15-bit ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! peer. "
    "audiotestsrc is-live=true wave=ticks ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer."
)


class Client:
    def __init__(self, role, stream):
        self.role, self.stream = role, stream
        self.out, self.loop = asyncio.Queue(), asyncio.get_running_loop()
        self.session, self.began = None, time.monotonic()
        self.pictures, self.first, self.last, self.errors = 0, None, None, []
        self.pipe = Gst.parse_launch(SENDING) if role == "produce" else Gst.Pipeline()
        self.peer = self.pipe.get_by_name("peer") if role == "produce" else Gst.ElementFactory.make("webrtcbin", "peer")
        if role == "consume":
            self.peer.set_property("bundle-policy", "max-bundle")
            self.pipe.add(self.peer)
            self.peer.connect("pad-added", self.play)
        self.peer.connect("on-ice-candidate", self.candidate)
        self.peer.connect("notify::connection-state", lambda *_: print(self.peer.get_property("connection-state").value_nick, file=sys.stderr))

    def send(self, **message):
        self.loop.call_soon_threadsafe(self.out.put_nowait, message)

    def candidate(self, _, line, text):
        self.send(type="peer", sessionId=self.session, ice={"candidate": text, "sdpMLineIndex": line})

    def describe(self, promise, kind):
        reply = promise.get_reply()  # which owns the description
        description = reply.get_value(kind)
        self.peer.emit("set-local-description", description, Gst.Promise.new())
        self.send(type="peer", sessionId=self.session, sdp={"type": kind, "sdp": description.sdp.as_text()})

    def offer(self):
        self.pipe.set_state(Gst.State.PLAYING)
        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(lambda p, *_: self.describe(p, "offer")))

    def remote(self, kind, text):
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        kinds = {"offer": GstWebRTC.WebRTCSDPType.OFFER, "answer": GstWebRTC.WebRTCSDPType.ANSWER}
        description = GstWebRTC.WebRTCSessionDescription.new(kinds[kind], sdp)
        if kind == "answer":
            self.peer.emit("set-remote-description", description, Gst.Promise.new())
            return
        self.pipe.set_state(Gst.State.PLAYING)
        self.peer.emit("set-remote-description", description, Gst.Promise.new_with_change_func(lambda *_: self.peer.emit(
            "create-answer", None, Gst.Promise.new_with_change_func(lambda p, *_: self.describe(p, "answer")))))

    def play(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        video = pad.get_current_caps().get_structure(0).get_string("media") == "video"
        text = "rtpvp8depay ! vp8dec ! fakesink name=sink sync=false signal-handoffs=true" if video else "fakesink sync=false"
        part = Gst.parse_bin_from_description("queue ! " + text, True)
        self.pipe.add(part)
        part.sync_state_with_parent()
        if video:
            part.get_by_name("sink").connect("handoff", self.picture)
        pad.link(part.get_static_pad("sink"))

    def picture(self, *_):
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.pictures += 1

    async def hear(self, socket):
        async for text in socket:
            m = json.loads(text)
            kind = m["type"]
            if kind == "welcome" and self.role == "produce":
                self.send(type="setPeerStatus", roles=["producer"], meta={"name": self.stream})
            elif kind == "welcome":
                self.send(type="startSession", peerId=self.stream)
            elif kind in ("startSession", "sessionStarted"):
                self.session = m["sessionId"]
                if self.role == "produce":
                    self.offer()
            elif kind == "peer" and "sdp" in m:
                self.remote(m["sdp"]["type"], m["sdp"]["sdp"])
            elif kind == "peer":
                self.peer.emit("add-ice-candidate", m["ice"].get("sdpMLineIndex") or 0, m["ice"]["candidate"])
            elif kind in ("error", "endSession"):
                self.errors.append(m)

    async def say(self, socket):
        while True:
            await socket.send(json.dumps(await self.out.get()))

    def result(self):
        rate = (self.pictures - 1) / (self.last - self.first) if self.pictures > 1 else 0
        return {"pictures": self.pictures, "first": round(self.first - self.began, 3) if self.first else None, "rate": round(rate, 1), "errors": self.errors}


async def main(role, url, stream, seconds):
    Gst.init(None)
    async with websockets.connect(url) as socket:
        client = Client(role, stream)
        tasks = [asyncio.create_task(client.hear(socket)), asyncio.create_task(client.say(socket))]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        print(json.dumps(client.result()))
        client.pipe.set_state(Gst.State.NULL)
        for task in tasks:
            task.cancel()


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))

package e2e

const (
	quiet  = `{"muted": true}`
	silent = `{"muted": true, "preload": "none"}`
	later  = `setTimeout(() => video.play().catch(failed), 5000);`
)

// everyHabit is what pages in Chromium do: each player with its defaults, played at once, on a click and later, and in the modes
// that its documentation offers.
func everyHabit() []habit {
	return []habit{
		{"hls.js, muted, autoplay", index, starting, withHls(`{}`, "")},
		{"hls.js, with sound, play() at once", index, `{}`, withHls(`{}`, atOnce)},
		{"hls.js, preload none, a click", index, silent, withHls(`{autoStartLoad: false}`, `state.click = () => { p.startLoad(); video.play().catch(failed); };`)},
		{"hls.js, play() after 5 s", index, quiet, withHls(`{}`, later)},
		{"hls.js, lowLatencyMode false", index, starting, withHls(`{lowLatencyMode: false}`, "")},
		{"hls.js, maxLiveSyncPlaybackRate 1.5", index, starting, withHls(`{maxLiveSyncPlaybackRate: 1.5}`, "")},
		{"hls.js, liveSyncMode buffered", index, starting, withHls(`{liveSyncMode: "buffered"}`, "")},
		{"hls.js, progressive", index, starting, withHls(`{progressive: true}`, "")},
		{"hls.js, no worker, liveSyncDurationCount 1", index, starting, withHls(`{enableWorker: false, liveSyncDurationCount: 1}`, "")},

		{"dash.js, play() at once", mpd, quiet, withDash("video, url, true", atOnce)},
		{"dash.js, autoplay off, a click", mpd, silent, withDash("video, url, false", clicked)},
		{"dash.js, with sound, play() after 5 s", mpd, `{}`, withDash("video, url, false", later)},
		withRules("throughput", "throughputRule", ""),
		withRules("BOLA", "bolaRule", ""),
		withRules("L2A", "l2ARule", ""),
		withRules("LoL+, catch-up LoL+", "loLPRule", "liveCatchupModeLoLP"),
		withCatchup("step"),
		withCatchup("off"),

		{"Shaka, DASH", mpd, starting, withShaka(`{}`)},
		{"Shaka, DASH, lowLatencyMode", mpd, starting, withShaka(`{streaming: {lowLatencyMode: true}}`)},
		{"Shaka, HLS", index, starting, withShaka(`{}`)},
		{"Shaka, HLS, lowLatencyMode", index, starting, withShaka(`{streaming: {lowLatencyMode: true}}`)},
		{"Shaka, HLS, maxDisabledTime 0", index, starting, withShaka(`{streaming: {maxDisabledTime: 0}}`)},

		{"video.js, HLS", index, starting, withVideoJS("application/x-mpegURL", "")},
		{"video.js, HLS, preload none, a click", index, silent, withVideoJS("application/x-mpegURL", `state.click = () => p.play()?.catch(failed);`)},
		{"video.js, plain.mpd", plainMPD, starting, withVideoJS("application/dash+xml", "")},
	}
}

// inFirefox and inWebKit are what pages in other browsers do.
func inFirefox() []habit {
	return []habit{
		{"Firefox, hls.js", index, starting, withHls(`{}`, "")},
		{"Firefox, dash.js", mpd, quiet, withDash("video, url, true", atOnce)},
		{"Firefox, Shaka, DASH", mpd, starting, withShaka(`{}`)},
		{"Firefox, video.js, HLS", index, starting, withVideoJS("application/x-mpegURL", "")},
	}
}

func inWebKit() []habit {
	return []habit{
		{"WebKit, hls.js", index, starting, withHls(`{}`, "")},
		{"WebKit, dash.js", mpd, quiet, withDash("video, url, true", atOnce)},
		{"WebKit, its own HLS", index, starting, `video.src = url; ` + atOnce},
	}
}

// withRules has dash.js choose by one rule alone.
func withRules(name, rule, catchup string) habit {
	settings := `const rules = {}; for (const r of ["throughputRule", "bolaRule", "l2ARule", "loLPRule"]) rules[r] = {active: r === "` + rule + `"};
		p.updateSettings({streaming: {abr: {rules}}});`
	if catchup != "" {
		settings += `p.updateSettings({streaming: {liveCatchup: {mode: "` + catchup + `"}}});`
	}
	return habit{"dash.js, ABR " + name, mpd, quiet, dashWith(settings)}
}

// withCatchup has dash.js keep up in another way.
func withCatchup(mode string) habit {
	settings := `p.updateSettings({streaming: {liveCatchup: {enabled: true, mode: "liveCatchupModeStep"}}});`
	if mode == "off" {
		settings = `p.updateSettings({streaming: {liveCatchup: {enabled: false}}});`
	}
	return habit{"dash.js, catch-up " + mode, mpd, quiet, dashWith(settings)}
}

func dashWith(settings string) string {
	return `const p = dashjs.MediaPlayer().create(); p.on("error", (e) => failed(e.error)); ` + settings + ` p.initialize(video, url, true);`
}

func withShaka(settings string) string {
	return `shaka.polyfill.installAll(); const p = new shaka.Player(); p.configure(` + settings + `); p.addEventListener("error", (e) => failed("Shaka " + e.detail.code));
		p.attach(video).then(() => p.load(url)).then(() => video.play()).catch(failed);`
}

package e2e

import (
	"fmt"
	"testing"
)

// shownLines is how many lines of the log the page shows that have a text.
func shownLines(text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#lines li")].filter((line) => line.innerText.includes(%q)).length`, text)
}

// The page of frames sends the camera's pictures and shows what comes back, a snapshot of the stream that they make is linked where it is
// watched, and the page of logs tells of it line by line: by source, level and text, and standing still on demand.
func TestFramesAndLogsPages(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", clockRung, "--linger", "0s", "--record=false")
	browser := cameraBrowser.forTest(t)
	logs := browser.open(s.base + "/logs")
	logs.wait("it is connected", `document.querySelector("#badge").innerText === "Live"`)

	frames := browser.open(s.base + "/frames")
	frames.run(`document.querySelector("#name").value = "still"`, nil)
	frames.set("#every", "200")
	frames.set("#process", "monochrome")
	frames.click("#start")
	frames.wait("pictures come back without colours", `(() => { const answer = document.querySelector("#answer"); if (!document.querySelector("#idle").hidden) return false;
		const { data } = answer.getContext("2d").getImageData(0, 0, answer.width, answer.height);
		return data.some((v) => v !== 0 && v !== 255) && data.every((v, i) => i % 4 !== 0 || Math.abs(v - data[i + 2]) < 24); })()`)
	frames.wait("the rates are told", `/\d/.test(document.querySelector("#trip").innerText) && document.querySelector("#answered").innerText !== "0.0 / s"`)
	frames.screenshot("frames")
	s.waitState("still", "live")

	watch := browser.open(s.base + "/watch/still")
	watch.run(`(() => { const make = URL.createObjectURL; URL.createObjectURL = (file) => { if (file instanceof Blob) window.saved = file.type; return make(file); }; })()`, nil)
	watch.wait("it plays", `sluice.video.currentTime > 0`)
	watch.click("#snapshot")
	watch.wait("a snapshot is saved", `window.saved === "image/jpeg" && document.querySelector("#snapshot-fault").hidden`)
	watch.close()

	logs.wait("a line has come by itself", shownLines("publisher has come"))
	find := func(text string) {
		logs.run(fmt.Sprintf(`(() => { const find = document.querySelector("#find"); find.value = %q; find.dispatchEvent(new Event("input")); })()`, text), nil)
	}
	find("PUBLISHER has")
	logs.wait("only lines with the text", `document.querySelector("#lines").childElementCount === `+shownLines("publisher has")+` && `+shownLines("publisher has")+` > 0`)
	logs.wait("the count", `/^\d+ of \d+ lines$/.test(document.querySelector("#count").innerText)`)
	find("")
	logs.set("#source", "still")
	logs.wait("only what its ffmpeg says", shownLines("ffmpeg still")+` > 0 && document.querySelector("#lines").childElementCount === `+shownLines("ffmpeg still"))
	logs.set("#level", "3")
	logs.wait("no errors", `document.querySelector("#lines").childElementCount === 0`)
	logs.set("#level", "0")
	logs.set("#source", "")
	logs.wait("lines of the service alone", shownLines("publisher has come")+` && `+shownLines("ffmpeg still")+` === 0`)
	logs.screenshot("logs")

	const count = `Number(document.querySelector("#count").innerText.match(/(\d+) lines$/)[1])`
	logs.run(`window.before = `+count, nil)
	logs.click("#pause")
	frames.click("#stop")
	s.waitState("still", "ended")
	logs.wait("more lines have come", count+` > before`)
	logs.wait("but are not shown", `document.querySelector("#pause").innerText === "Go on" && `+shownLines("publisher has left")+` === 0`)
	logs.click("#pause")
	logs.wait("they are shown", shownLines("publisher has left"))
}

package transcode

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// RemuxInput is one unbroken run of media. Each list is an init segment and the segments that follow it, in order: their
// bytes put one after the other are one fragmented MP4. Either list may be empty. Duration is that of the longer one; it counts
// where other runs have media that this one lacks.
type RemuxInput struct {
	Video, Audio []string
	Duration     time.Duration
}

// Remux makes one MP4 of the runs, with its index at the front, without encoding. The runs must have the same codecs and
// sizes; they follow each other without a gap, and what one lacks is left empty. ffmpeg is the program, "" for the default.
// out appears by rename when it is whole; temporary files beside it take as much space again, twice with several runs.
func Remux(ctx context.Context, ffmpeg string, runs []RemuxInput, out string) error {
	if len(runs) == 0 {
		return errors.New("remux: no media")
	}
	ffmpeg = orDefault(ffmpeg, DefaultFFmpeg)
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	var temporary []string
	defer func() {
		for _, name := range temporary {
			os.Remove(name)
		}
	}()
	// What all runs have comes first, so that streams have the same numbers in all files.
	soundFirst := mixed(runs, hasVideo)
	for i, run := range runs {
		name := fmt.Sprintf("%s.%d%s", out, i, TempSuffix)
		temporary = append(temporary, name)
		if err := createFile(name); err != nil {
			return fmt.Errorf("remux: %w", err)
		}
		if err := remuxRun(ctx, ffmpeg, run, soundFirst, name); err != nil {
			return fmt.Errorf("remux run %d of %d: %w", i+1, len(runs), err)
		}
	}
	whole := temporary[0]
	if len(runs) > 1 {
		whole = out + TempSuffix
		temporary = append(temporary, whole)
		if err := createFile(whole); err != nil {
			return fmt.Errorf("remux: %w", err)
		}
		if err := remuxJoin(ctx, ffmpeg, runs, temporary[:len(runs)], whole); err != nil {
			return fmt.Errorf("remux: join %d runs: %w", len(runs), err)
		}
	}
	return renameWritten(whole, out)
}

// createFile makes an empty file for an ffmpeg that may write nothing else.
func createFile(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return file.Close()
}

// renameWritten gives the name to a file that ffmpeg has written.
func renameWritten(temporary, name string) error {
	info, err := os.Stat(temporary)
	switch {
	case err != nil:
		return err
	case info.Size() == 0:
		return errors.New("ffmpeg has written nothing")
	}
	return os.Rename(temporary, name)
}

// remuxRun makes one MP4 of one run, read from a pipe for each track.
func remuxRun(ctx context.Context, ffmpeg string, run RemuxInput, soundFirst bool, out string) error {
	var inputs, maps []string
	var sources []source
	tracks := [][]string{run.Video, run.Audio}
	if soundFirst {
		slices.Reverse(tracks)
	}
	for _, files := range tracks {
		if len(files) == 0 {
			continue
		}
		inputs = append(inputs, "-protocol_whitelist", "pipe", "-f", "mp4", "-i", "pipe:"+strconv.Itoa(firstInputFD+len(sources)))
		maps = append(maps, "-map", strconv.Itoa(len(sources)))
		sources = append(sources, func(w io.Writer) error { return concatenate(w, files) })
	}
	if len(sources) == 0 {
		return errors.New("no media")
	}
	return remuxTask(ctx, ffmpeg, append(inputs, maps...), nil, out, sources)
}

// remuxJoin puts the MP4 files of the runs one after the other; the concat demuxer reads their list from a pipe. That makes of all
// files what the first one is, so where runs lack pictures or sound there is a list of those that have each.
func remuxJoin(ctx context.Context, ffmpeg string, runs []RemuxInput, files []string, out string) error {
	lists, maps := []concatList{newConcatList(runs, files, nil)}, []string{"-map", "0"}
	if mixed(runs, hasVideo) || mixed(runs, hasAudio) {
		lists = []concatList{newConcatList(runs, files, hasVideo), newConcatList(runs, files, hasAudio)}
		maps = []string{"-map", "0:v", "-map", "1:a"}
	}
	var input []string
	var sources []source
	for i, list := range lists {
		input = append(input, "-protocol_whitelist", "pipe,file", "-itsoffset", seconds(list.begin), "-f", "concat", "-safe", "0", "-i", "pipe:"+strconv.Itoa(firstInputFD+i))
		sources = append(sources, func(w io.Writer) error {
			_, err := io.WriteString(w, list.text)
			return err
		})
	}
	return remuxTask(ctx, ffmpeg, append(input, maps...), files, out, sources)
}

func hasVideo(r RemuxInput) bool { return len(r.Video) > 0 }

func hasAudio(r RemuxInput) bool { return len(r.Audio) > 0 }

// mixed reports whether some runs have it and others do not.
func mixed(runs []RemuxInput, has func(RemuxInput) bool) bool {
	return slices.ContainsFunc(runs, has) && slices.ContainsFunc(runs, func(r RemuxInput) bool { return !has(r) })
}

// concatList is a list of files for the concat demuxer, and when the first of them begins.
type concatList struct {
	text  string
	runs  int
	begin time.Duration
}

// newConcatList lists the files of the runs that have something, or with nil of all. Where others come between two of them, it says
// how long after the first the second begins; else that begins where the first ends.
func newConcatList(runs []RemuxInput, files []string, has func(RemuxInput) bool) concatList {
	list := concatList{text: "ffconcat version 1.0\n"}
	var lasts time.Duration // since the last listed run began
	between := false
	for i, run := range runs {
		if has != nil && !has(run) {
			between = true
		} else {
			switch {
			case list.runs == 0:
				list.begin = lasts
			case between:
				list.text += "duration " + seconds(lasts) + "\n"
			}
			list.text += "file 'file:" + strings.ReplaceAll(files[i], "'", `'\''`) + "'\n"
			list.runs, lasts, between = list.runs+1, 0, false
		}
		lasts += run.Duration
	}
	return list
}

// remuxTask runs ffmpeg, which reads files besides its pipes. What it stops at it is told to pass over in a second run: one bad sample, or segment, does not cost the whole
// file. Without xerror a disk that is full at the end, when the index is put at the front, leaves a file that cannot be read and the
// exit status 0, so that one is looked at.
func remuxTask(ctx context.Context, ffmpeg string, input, files []string, out string, sources []source) error {
	may := sandbox.Policy{Read: files, Write: []string{out}} // for as long as a recording takes
	err := runTask(ctx, remuxArgs(ffmpeg, []string{"-xerror"}, input, out), may, sources)
	if err == nil || ctx.Err() != nil || !errors.As(err, new(*exec.ExitError)) {
		return err
	}
	if again := runTask(ctx, remuxArgs(ffmpeg, nil, input, out), may, sources); again != nil {
		return err
	}
	return wholeMP4(out)
}

// growing puts a sample that does not come after the one before it a tick after that.
const growing = "setts=ts='if(lte(DTS,PREV_OUTDTS),PREV_OUTDTS+1,TS)'"

// remuxArgs keep the time stamps of audio and video relative to each other.
func remuxArgs(ffmpeg string, own, input []string, out string) []string {
	argv := append([]string{ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "level+error", "-copyts"}, own...)
	return append(append(argv, input...), "-c", "copy", "-bsf", growing, "-avoid_negative_ts", "make_zero", "-movflags", "+faststart", "-f", "mp4", out)
}

// wholeMP4 requires of an MP4 that its boxes fill it (ISO/IEC 14496-12 §4.2), with the index before the media, of which there is some.
func wholeMP4(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var kinds []string
	for at := int64(0); at < info.Size(); {
		var header [16]byte
		n, err := f.ReadAt(header[:], at)
		size := int64(binary.BigEndian.Uint32(header[:]))
		if size == 1 {
			size = int64(binary.BigEndian.Uint64(header[8:]))
		}
		if n < 8 || size < 8 || size > info.Size()-at {
			return errors.Join(errors.New("the MP4 is not whole"), err)
		}
		kinds, at = append(kinds, string(header[4:8])), at+size
	}
	if index := slices.Index(kinds, "moov"); index < 0 || index > slices.Index(kinds, "mdat") {
		return errors.New("the MP4 has no index at its front")
	}
	return nil
}

// concatenate writes the files one after the other.
func concatenate(w io.Writer, files []string) error {
	for _, name := range files {
		if err := copyFile(w, name); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// source writes all that one inherited pipe is to carry.
type source func(w io.Writer) error

// runTask runs ffmpeg with a pipe from each source, until it has exited and every source has returned. A source that
// fails ends the run, and its error is returned.
func runTask(ctx context.Context, argv []string, may sandbox.Policy, sources []source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := newTask(ctx, argv, may, func([]byte) {})
	writers, err := p.addPipes(len(sources))
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	err = p.run(func() {
		p.closeChildFiles()
		for i, w := range writers {
			group.Go(func() {
				defer w.Close()
				var err error
				fault := panics.Contain(nil, "what feeds ffmpeg", func() { err = sources[i](w) })
				if err = errors.Join(fault, err); err != nil && !errors.Is(err, syscall.EPIPE) {
					cancel(err)
				}
			})
		}
	})
	if p.cmd.Process == nil {
		p.closeChildFiles()
		closeFiles(writers)
	}
	group.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

package transcode

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode/faces"
)

const (
	searchedSide  = 320                    // pixels of the longer side of what is searched, and of the boxes before they are scaled
	searchedEvery = 120 * time.Millisecond // of pictures, at most
	facesLast     = time.Second            // see FaceFinder
	waitingBoxes  = 64                     // pictures with boxes that wait for ffmpeg
	pngFourCC     = "MPNG"                 // of IVF
)

// FaceFinder finds the faces of TransformFaces. Any number of jobs may share it: each searches one picture at a time, while the newest of
// the others waits.
type FaceFinder struct {
	find              func(luma []byte, width, height int) []faces.Box
	last              time.Duration // that boxes stay when no search ends
	searched, dropped atomic.Uint64
}

// NewFaceFinder returns one that has no job yet.
func NewFaceFinder(d *faces.Detector) *FaceFinder { return &FaceFinder{find: d.Find, last: facesLast} }

// Counts returns how many pictures have been searched, and how many were given up because a newer one had come.
func (f *FaceFinder) Counts() (searched, dropped uint64) { return f.searched.Load(), f.dropped.Load() }

// FacesFound says where faces are in a picture.
type FacesFound struct {
	At            time.Time     // when the job was given the picture, to within what ffmpeg takes to decode it
	PTS           time.Duration // of the picture, as exactly
	Width, Height int           // of the best rendition, in whose pixels the boxes are
	Faces         []faces.Box
}

// searchedSize is the size of what is searched.
func (r Rendition) searchedSize() (columns, rows int) {
	by := (max(r.Width, r.Height) + searchedSide - 1) / searchedSide
	return max(r.Width/by&^1, 2), max(r.Height/by&^1, 2)
}

// facesFD is the descriptor on which ffmpeg reads boxes; it writes what is to be searched to the one after that.
func (o Options) facesFD() int {
	fd := firstInputFD + o.videoInputs()
	if o.Audio != 0 {
		fd++
	}
	return fd
}

// withBoxes puts boxes on the video, which it makes as large as the best rendition, and returns an output of small grey pictures to search.
//
// The filter lets a picture out once it has boxes of a later time: those that are written with a picture have a time just after it, so that
// it gets those of the picture before and waits for nothing. Where the boxes end, the pictures go on without.
func (o Options) withBoxes(video *ffmpeg.Stream) (marked, search *ffmpeg.Stream) {
	best := o.encoded()[0]
	columns, rows := best.searchedSize()
	split := best.fitted(video, o.matrix()).Split()
	grey := split.Get("1").
		Filter("select", ffmpeg.Args{"isnan(prev_selected_t)+gte(t-prev_selected_t," + seconds(searchedEvery) + ")"}).
		Filter("scale", ffmpeg.Args{strconv.Itoa(columns), strconv.Itoa(rows)}).Filter("format", ffmpeg.Args{"gray"})
	boxes := input("ivf", "png", o.facesFD(), nil).Video().Filter("format", ffmpeg.Args{"yuva420p"}).
		Filter("scale", ffmpeg.Args{strconv.Itoa(best.Width), strconv.Itoa(best.Height)}, ffmpeg.KwArgs{"flags": "neighbor"})
	marked = ffmpeg.Filter([]*ffmpeg.Stream{split.Get("0"), boxes}, "overlay", nil, ffmpeg.KwArgs{"eof_action": "pass"})
	search = ffmpeg.Output([]*ffmpeg.Stream{grey}, "pipe:"+strconv.Itoa(o.facesFD()+1), pictureArgs("rawvideo", "rawvideo"))
	return marked, search
}

// faceSearch is what a run with TransformFaces has beside its inputs. It holds no picture up: what searches may stand still or end.
type faceSearch struct {
	finder        *FaceFinder
	tell          func(FacesFound)
	best          Rendition
	columns, rows int

	grey, boxes *os.File
	times       chan int64  // PTS of pictures that are about to be written
	pictures    chan []byte // the newest one that was not searched yet
	written     atomic.Int64
	pts         atomic.Int64
	found       atomic.Pointer[FacesFound]

	drawn   *FacesFound // that overlay is of
	overlay []byte
}

// openFaceSearch adds the two pipes, which are the last ones of the child.
func (p *process) openFaceSearch(o Options) (*faceSearch, error) {
	s := &faceSearch{finder: o.Faces, tell: o.OnFaces, best: o.encoded()[0], times: make(chan int64, waitingBoxes), pictures: make(chan []byte, 1)}
	s.columns, s.rows = s.best.searchedSize()
	files, err := p.addPipes(1)
	if err != nil {
		return nil, err
	}
	s.boxes = files[0]
	var child *os.File
	if s.grey, child, err = os.Pipe(); err != nil {
		_ = s.boxes.Close()
		return nil, err
	}
	p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, child)
	return s, nil
}

// goroutines are what runs beside ffmpeg, until it and its video have ended.
func (s *faceSearch) goroutines() []func() {
	if s == nil {
		return nil
	}
	return []func(){s.readPictures, s.search, s.writeBoxes}
}

// close is for a process that did not start.
func (s *faceSearch) close() {
	if s != nil {
		closeFiles([]*os.File{s.grey, s.boxes})
	}
}

// readPictures reads what is to be searched as fast as it comes.
func (s *faceSearch) readPictures() {
	defer s.grey.Close()
	defer close(s.pictures)
	for {
		picture := make([]byte, s.columns*s.rows)
		if _, err := io.ReadFull(s.grey, picture); err != nil {
			return
		}
		select {
		case <-s.pictures:
			s.finder.dropped.Add(1)
		default:
		}
		s.pictures <- picture
	}
}

func (s *faceSearch) search() {
	for picture := range s.pictures {
		found := &FacesFound{At: time.Unix(0, s.written.Load()), PTS: time.Duration(s.pts.Load()), Width: s.best.Width, Height: s.best.Height}
		for _, b := range s.finder.find(picture, s.columns, s.rows) {
			found.Faces = append(found.Faces, faces.Box{
				X: b.X * s.best.Width / s.columns, Y: b.Y * s.best.Height / s.rows,
				Width: b.Width * s.best.Width / s.columns, Height: b.Height * s.best.Height / s.rows, Score: b.Score,
			})
		}
		s.finder.searched.Add(1)
		s.found.Store(found)
		if s.tell != nil {
			s.tell(*found)
		}
	}
}

// writeBoxes writes a picture with boxes for each picture of the video. It ends when ffmpeg reads no more, or with the video.
func (s *faceSearch) writeBoxes() {
	defer s.boxes.Close()
	w := ivf.NewWriter(s.boxes, ivf.Header{FourCC: pngFourCC, Width: uint16(s.columns), Height: uint16(s.rows)})
	for pts := range s.times {
		found := s.found.Load()
		if found == nil || time.Since(found.At) > s.finder.last {
			found = &FacesFound{}
		}
		if s.overlay == nil || s.drawn != found && len(s.drawn.Faces)+len(found.Faces) > 0 {
			s.drawn, s.overlay = found, s.draw(found.Faces)
		}
		if w.WriteFrame(pts+1, s.overlay) != nil {
			return
		}
	}
}

// The two colours of boxes: nothing, and a light green.
var boxColours = color.Palette{color.NRGBA{}, color.NRGBA{R: 150, G: 230, B: 120, A: 255}}

var boxEncoder = png.Encoder{CompressionLevel: png.BestSpeed}

// draw makes a PNG of boxes.
func (s *faceSearch) draw(found []faces.Box) []byte {
	m := image.NewPaletted(image.Rect(0, 0, s.columns, s.rows), boxColours)
	for _, b := range found {
		left, top := b.X*s.columns/s.best.Width, b.Y*s.rows/s.best.Height
		right, bottom := (b.X+b.Width)*s.columns/s.best.Width-1, (b.Y+b.Height)*s.rows/s.best.Height-1
		for x := left; x <= right; x++ {
			m.SetColorIndex(x, top, 1)
			m.SetColorIndex(x, bottom, 1)
		}
		for y := top; y <= bottom; y++ {
			m.SetColorIndex(left, y, 1)
			m.SetColorIndex(right, y, 1)
		}
	}
	var out bytes.Buffer
	_ = boxEncoder.Encode(&out, m) // a buffer takes all
	return out.Bytes()
}

// facesFrames writes video, and lets boxes be written for each picture.
type facesFrames struct {
	frameWriter
	search *faceSearch
}

func (f facesFrames) WriteFrame(frame depay.Frame) error {
	f.search.written.Store(time.Now().UnixNano())
	f.search.pts.Store(int64(frame.Time()))
	select {
	case f.search.times <- frame.PTS:
	default: // those of a later picture will do
	}
	return f.frameWriter.WriteFrame(frame)
}

// startFaceSearch runs what finds and draws faces. What panics there ends alone: the video goes on without boxes.
func (r *run) startFaceSearch(goRun func(func())) {
	for _, f := range r.faces.goroutines() {
		goRun(func() { _ = panics.Contain(r.job.opts.Logger, "what finds faces", f) })
	}
}

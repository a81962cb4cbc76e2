package ingest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/public/panics"
)

// faulty is a subscriber that fails of the first packet.
type faulty struct{}

func (faulty) Deliver(*media.Packet) { panic("a packet like no other") }
func (faulty) End()                  {}

// A panic in what reads one session ends that, with an error; another publisher and its viewer go on.
func TestPanicEndsOneSession(t *testing.T) {
	f := newFixture(t, Options{})
	_, good := live(t, f, "good")
	_, bad := live(t, f, "bad")
	viewer := newSpectator(t, f, "good", peerOptions{})
	rtptest.Wait(t, viewer.packets["video"], "video")
	before := panics.Count()
	bad.Tracks()[1].Subscribe(faulty{})
	rtptest.Wait(t, bad.Done(), "the end of the session")
	fault := &panics.Error{}
	require.ErrorAs(t, bad.Err(), &fault)
	require.Equal(t, "a packet like no other", fault.Value)
	require.Greater(t, panics.Count(), before)
	require.NoError(t, good.Err())
	for len(viewer.packets["video"]) > 0 {
		<-viewer.packets["video"]
	}
	rtptest.Wait(t, viewer.packets["video"], "video")
	live(t, f, "bad")
}

// What pion calls in goroutines of its own contains its panics: nobody else could, and the service would end.
func TestCallbacksContainPanics(t *testing.T) {
	found := 0
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || len(call.Args) != 1 || !slices.Contains(pionCallbacks, method.Sel.Name) {
				return true
			}
			found++
			f, ok := call.Args[0].(*ast.FuncLit)
			require.True(t, ok, "give %s a function literal that begins with defer Contain", method.Sel.Name)
			first, ok := f.Body.List[0].(*ast.DeferStmt)
			require.True(t, ok, "%s", method.Sel.Name)
			require.Equal(t, "Contain", first.Call.Fun.(*ast.SelectorExpr).Sel.Name)
			return true
		})
	}
	require.GreaterOrEqual(t, found, 5)
}

var pionCallbacks = []string{
	"OnTrack", "OnICECandidate", "OnConnectionStateChange", "OnICEConnectionStateChange", "OnSelectedCandidatePairChange", "OnDataChannel",
	"OnNegotiationNeeded", "OnSignalingStateChange", "OnICEGatheringStateChange", "OnStateChange",
}

// sources are the files of ingest and what is below it, without tests.
func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files = append(files, file)
		return err
	}))
	return files
}

package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/sluice-live/sluice/"
	root   = "../.."
)

// rule is what a package may import, and why no more.
type rule struct {
	others []string
	reason string
}

// mayImport lists, for each top-level package, the others of ours that it may import, with what is below them, and why no more.
var mayImport = map[string]rule{
	"cmd": {[]string{"ingest", "depay", "transcode", "packager", "public"}, "the service joins the stages"},
	"ingest": {[]string{"depay/av1", "depay/h264", "depay/opus", "depay/vp8", "depay/vp9", "public/name", "public/panics", "public/prefix", "public/problem"},
		"what the bits of a codec mean is known in one place; but media is received without knowing what becomes of it: hand a function " +
			"value over from cmd/sluice"},
	"depay":     {nil, "packets become frames without knowing where they come from or go"},
	"transcode": {[]string{"depay", "public/name", "public/panics"}, "ffmpeg is fed with frames"},
	"packager":  {[]string{"public/name", "public/panics", "public/problem", "public/rates"}, "it reads files, whoever wrote them; what both describe, each describes itself and cmd/sluice maps"},
	"public":    {nil, "pages are files; what a public name looks like, how a request is refused and a panic contained knows nothing of who asks"},
}

func TestImportGraph(t *testing.T) {
	forEachGoFile(t, func(path string) {
		top := topLevel(path)
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			rest, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if inTree(rest, top) {
				continue
			}
			rule, known := mayImport[top]
			require.True(t, known, "%s: %q is not a package of the layout", path, top)
			allowed := slices.ContainsFunc(rule.others, func(other string) bool { return inTree(rest, other) })
			require.True(t, allowed, "%s imports %s, but %s may not: %s", path, imported, top, rule.reason)
		}
	})
}

// inTree reports whether a package is another one, or below it.
func inTree(path, other string) bool { return path == other || strings.HasPrefix(path, other+"/") }

func TestPackageComments(t *testing.T) {
	comments := map[string]bool{}
	forEachGoFile(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
		require.NoError(t, err)
		comments[filepath.Dir(path)] = comments[filepath.Dir(path)] || file.Doc.Text() != ""
	})
	for directory, has := range comments {
		require.True(t, has, "%s has no package comment: say what it does, what not, and by which specification", directory)
	}
}

// rooms lists, for packages below cmd/sluice/internal, the other rooms that each may import and why no more.
var rooms = map[string]rule{
	"access":    {[]string{"config"}, "it answers who may do what, of the keys that are configured, whoever asks"},
	"broadcast": {nil, "a broadcast is made with values and functions, so that it can be understood and tested without a service around it"},
	"client":    {[]string{"command", "config", "doctor", "exit", "golden", "whip"}, "publish and play reach a service over the network only, as every client does"},
	"clock":     {nil, "it tells the time, whoever asks"},
	"cluster":   {[]string{"access", "config", "hop", "relay"}, "who has a stream is known without knowing what a stream is, and others are asked as relays ask"},
	"command":   {[]string{"exit"}, "what all commands have in common knows none of them"},
	"config":    {[]string{"broadcast", "command", "exit", "forward", "golden", "tracing", "webhook"}, "it asks the stages for their bounds and names, and starts none of them"},
	"ctl":       {[]string{"access", "config", "exit", "httpapi"}, "it reaches a service over the network only, and knows its documents by their types"},
	"doctor":    {[]string{"command", "config", "exit"}, "it looks at what a service would meet, and starts none"},
	"exit":      {nil, "statuses are the same for every command"},
	"forward":   {[]string{"whip"}, "a stream is forwarded of what functions hand over, so that it can be tested without a service around it"},
	"golden":    {nil, "tests compare with files, whatever they test"},
	"handover":  {nil, "sockets and a lock go from one process to the next, whatever they are for"},
	"hop":       {nil, "what relays say of clients is signed and read, whatever passes it on"},
	"httpapi":   {[]string{"access", "broadcast", "cluster", "config", "forward", "golden", "hop", "logs", "relay", "service", "tracing", "viewers"}, "it serves the service over HTTP; nothing is served over HTTP but by it"},
	"logs":      {nil, "lines are kept, whoever writes and reads them"},
	"relay":     {[]string{"access", "config", "exit", "hop", "tracing"}, "it asks another service over the network only, and is served like a service of its own"},
	"reload":    {[]string{"config"}, "it reads a configuration anew, and knows nothing of what takes it"},
	"restart":   {[]string{"broadcast", "config", "exit", "handover", "httpapi", "systemd"}, "what one process after another does is the same, whatever the service is"},
	"service":   {[]string{"access", "broadcast", "clock", "cluster", "config", "exit", "forward", "tracing", "viewers", "webhook"}, "it joins the stages, and answers whoever serves them over HTTP without knowing of that"},
	"systemd":   {nil, "a service manager is spoken with, whatever the service does"},
	"tracing":   {nil, "what is traced says itself what it is"},
	"viewers":   {nil, "who watches is counted by requests and reports, whatever serves them"},
	"whip":      {nil, "an endpoint is spoken to, whoever has an offer for it"},
	"webhook":   {[]string{"exit"}, "events are told without knowing what they are about"},
}

// ingestRooms lists the same of ingest. Tests may import what is below ingest/internal besides.
var ingestRooms = map[string]rule{
	"bandwidth":   {nil, "what a connection carries is found out, and used, whatever it carries"},
	"channel":     {[]string{"media", "session", "signal"}, "messages go between sessions, whatever media they have"},
	"egress":      {[]string{"bandwidth", "media", "offer", "session"}, "what is sent knows whom it goes to, and not how they came"},
	"footprint":   {nil, "it measures this process, whatever it does"},
	"frames":      {[]string{"channel", "media", "offer", "quota", "refusal", "session"}, "a stream of still pictures is a session, whichever way they come"},
	"gst":         {[]string{"media", "offer", "refusal", "session", "signal"}, "a protocol is spoken without knowing how the sessions that it is about are made"},
	"internal":    {[]string{"media", "offer"}, "tests make media and offers, whatever they test"},
	"media":       {nil, "packets, tracks and clocks know nothing of connections"},
	"mp4":         {nil, "a format is read the same, whoever sends it"},
	"offer":       {[]string{"media", "refusal"}, "an offer is judged without a connection"},
	"pull":        {[]string{"media", "offer", "refusal", "session"}, "a stream of another server is a session that publishes; whoever sends it on knows no difference"},
	"quota":       {nil, "places are counted, whoever takes them"},
	"refusal":     {nil, "a refusal is a status and a sentence"},
	"room":        {[]string{"channel", "egress", "media", "offer", "refusal", "session", "signal"}, "a room joins sessions by what they send and signal; what is on air is published like anything else"},
	"rtmp":        {[]string{"quota", "refusal", "upload", "webm"}, "a protocol is spoken without knowing who may publish; what comes is carried as an upload is"},
	"session":     {[]string{"bandwidth", "media", "offer", "quota", "refusal"}, "a session is the same for publishers, viewers, rooms and uploads, and knows none of them"},
	"signal":      {nil, "events come and go, whatever they are about"},
	"srt":         {[]string{"quota", "refusal", "upload", "webm"}, "a protocol is spoken without knowing who may publish; what comes is carried as an upload is"},
	"turn":        {[]string{"quota"}, "packets are relayed without knowing what they are"},
	"transformed": {[]string{"egress", "media", "offer", "refusal"}, "it joins a publisher's track and viewers by a function that others hand over"},
	"upload":      {[]string{"channel", "media", "mp4", "offer", "quota", "refusal", "session", "webm"}, "an upload is a session without a connection"},
	"webm":        {nil, "a format is read the same, whoever sends it"},
}

func TestImportGraphOfRooms(t *testing.T) {
	for tree, rooms := range map[string]map[string]rule{"cmd/sluice/internal/": rooms, "ingest/": ingestRooms} {
		forEachGoFile(t, func(path string) {
			relative, _ := filepath.Rel(root, path)
			inside, below := strings.CutPrefix(filepath.ToSlash(relative), tree)
			room, _, isRoom := strings.Cut(inside, "/")
			if !below || !isRoom {
				return
			}
			rule, known := rooms[room]
			require.True(t, known, "%s: say what the room %q may import, and why no more", path, room)
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range file.Imports {
				imported, _ := strconv.Unquote(spec.Path.Value)
				rest, ours := strings.CutPrefix(imported, module+tree)
				other, _, _ := strings.Cut(rest, "/")
				if !ours || other == room || other == "internal" && strings.HasSuffix(path, "_test.go") {
					continue
				}
				require.Contains(t, rule.others, other, "%s imports %s, but %s may not: %s", path, imported, room, rule.reason)
			}
		})
	}
}

// What the commands join lives in rooms of its own: package main is only the commands.
func TestMainIsSmall(t *testing.T) {
	const most = 600
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	lines := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		lines += strings.Count(string(content), "\n")
	}
	require.Positive(t, lines)
	require.Less(t, lines, most, "package main has %d lines: move what is not a command to a package below cmd/sluice/internal", lines)
}

func TestTopLevel(t *testing.T) {
	allowed := []string{"cmd", "ingest", "depay", "transcode", "packager", "public", "scripts", "go.mod", "go.sum", "README.md", "LICENSE",
		"bin", "data", "bench.json"} // the last three are made by scripts/run and ignored by git
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			require.Contains(t, allowed, entry.Name(), "the top level holds the packages of the layout and nothing else")
		}
	}
}

func forEachGoFile(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			visit(path)
		}
		return nil
	})
	require.NoError(t, err)
}

func topLevel(path string) string {
	relative, _ := filepath.Rel(root, path)
	top, _, _ := strings.Cut(filepath.ToSlash(relative), "/")
	return top
}

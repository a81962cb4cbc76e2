package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// entries are the files of src that pages refer to, by their last element; everything else is reached from them.
var entries = []string{
	"theme.ts", "home.ts", "publish.ts", "watch.ts", "embed.ts", "echo.ts", "frames.ts", "room.ts", "dashboard.ts", "logs.ts", "links.ts", "recordings.ts", "style.css", "embed.css", "icon.svg",
	"publish/painting.ts", "publish/finding.ts", // workers of publish.ts
}

// Build bundles the pages of dir (the directory of package.json) and returns the files of dist by their names there,
// with slashes. Nothing is written.
func Build(dir string) (map[string][]byte, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules")); err != nil {
		return nil, fmt.Errorf("packages are missing, run `npm ci --prefix %s` first: %w", dir, err)
	}
	result := api.Build(options(root))
	if len(result.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	files := make(map[string][]byte)
	for _, out := range result.OutputFiles {
		name, err := filepath.Rel(filepath.Join(root, "dist"), out.Path)
		if err != nil {
			return nil, err
		}
		files[filepath.ToSlash(name)] = out.Contents
	}
	assets, err := readMetafile(result.Metafile)
	if err != nil {
		return nil, err
	}
	pages, err := renderPages(os.DirFS(filepath.Join(root, "src", "pages")), assets)
	if err != nil {
		return nil, err
	}
	for name, body := range pages {
		files["pages/"+name+".html"] = body
	}
	documents, err := renderManuals(os.DirFS(filepath.Dir(root)), os.DirFS(filepath.Join(root, "src", "pages")), assets)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, documents)
	licenses, err := renderLicenses(root, result.Metafile, os.DirFS(filepath.Join(root, "src", "pages")), assets)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, licenses)
	element, err := buildElement(root)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, element)
	cascade, err := faceCascade(filepath.Dir(root))
	if err != nil {
		return nil, err
	}
	files[assetName("facefinder.bin", cascade)] = cascade
	return files, nil
}

// faceCascade is what the service finds faces with: a file of the detector's module, which is part of the program only by way of the bundle.
func faceCascade(repository string) ([]byte, error) {
	command := exec.Command("go", "mod", "download", "-json", "github.com/esimov/pigo")
	command.Dir = repository
	printed, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("find the module of the face detector: %w: %s", err, printed)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(printed, &module); err != nil {
		return nil, fmt.Errorf("find the module of the face detector: %w", err)
	}
	return os.ReadFile(filepath.Join(module.Dir, "cascade", "facefinder"))
}

func options(root string) api.BuildOptions {
	points := make([]string, len(entries))
	for i, name := range entries {
		points[i] = filepath.Join(root, "src", name)
	}
	return api.BuildOptions{
		AbsWorkingDir:     root,
		EntryPoints:       points,
		Outdir:            filepath.Join(root, "dist"),
		Outbase:           filepath.Join(root, "src"),
		EntryNames:        "assets/[name]-[hash]",
		ChunkNames:        "assets/[name]-[hash]",
		AssetNames:        "assets/[name]-[hash]",
		Loader:            map[string]api.Loader{".svg": api.LoaderCopy, ".bin": api.LoaderFile, ".wasm": api.LoaderFile, ".shadow.css": api.LoaderText},
		Bundle:            true,
		Splitting:         true,
		Metafile:          true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		LegalComments:     api.LegalCommentsEndOfFile,
		MinifySyntax:      true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
	}
}

// asset is one bundled entry: the URL path that pages refer to and, for a script, the chunks that it loads at once.
type asset struct {
	Path    string
	Preload []string
}

// metafile is the part of esbuild's build report that is read here.
type metafile struct {
	Outputs map[string]output `json:"outputs"`
}

type output struct {
	EntryPoint string              `json:"entryPoint"`
	Inputs     map[string]struct{} `json:"inputs"`
	Imports    []struct {
		Path string `json:"path"`
		Kind string `json:"kind"`
	} `json:"imports"`
}

// readMetafile returns the entries by their name in src.
func readMetafile(report string) (map[string]asset, error) {
	var meta metafile
	if err := json.Unmarshal([]byte(report), &meta); err != nil {
		return nil, fmt.Errorf("read esbuild's report: %w", err)
	}
	assets := make(map[string]asset)
	for name, out := range meta.Outputs {
		if source := out.source(); source != "" {
			a := asset{Path: urlPath(name)}
			meta.preload(name, &a.Preload)
			slices.Sort(a.Preload)
			assets[path.Base(source)] = a
		}
	}
	return assets, nil
}

// source is the entry that an output was made from; a copied file has no entry point but one input.
func (o output) source() string {
	if o.EntryPoint == "" && len(o.Inputs) == 1 && len(o.Imports) == 0 {
		for name := range o.Inputs {
			return name
		}
	}
	return o.EntryPoint
}

// preload adds to list what the output called name imports by statements, and what that imports.
func (m metafile) preload(name string, list *[]string) {
	for _, imp := range m.Outputs[name].Imports {
		if p := urlPath(imp.Path); imp.Kind == "import-statement" && !slices.Contains(*list, p) {
			*list = append(*list, p)
			m.preload(imp.Path, list)
		}
	}
}

func urlPath(output string) string { return "/" + strings.TrimPrefix(output, "dist/") }

package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// component is a work of others that is part of the program.
type component struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	License string   `json:"license"`         // SPDX identifier
	Parts   []string `json:"parts,omitempty"` // files other than scripts that are taken from it
	Text    string   `json:"text"`
}

// notices is what src/pages/licenses.html is rendered with.
type notices struct {
	document
	Pages, Program []component
	List           string // address of the same as JSON
}

const apache = "Apache-2.0"

// apacheText is the licence that some works only refer to.
//
//go:embed licenses/Apache-2.0.txt
var apacheText string

// tensorFlow is inside the script of @vladmandic/face-api, whose manifest does not say so.
var tensorFlow = component{Name: "TensorFlow.js", Version: "4.22.0", License: apache, Parts: []string{"in @vladmandic/face-api"}, Text: apacheText}

// renderLicenses returns the page and the list of all that others have written: what esbuild has bundled, by its report, and the
// Go modules that the program is compiled from.
func renderLicenses(root, report string, src fs.FS, assets map[string]asset) (map[string][]byte, error) {
	packages, err := bundledPackages(root, report)
	if err != nil {
		return nil, err
	}
	modules, err := compiledModules(filepath.Dir(root))
	if err != nil {
		return nil, err
	}
	list, err := json.MarshalIndent(map[string][]component{"pages": packages, "program": modules}, "", " ")
	if err != nil {
		return nil, err
	}
	name := assetName("licenses.json", list)
	page, err := renderPage(src, licensesPage, notices{document{"licenses", assets}, packages, modules, "/" + name})
	return map[string][]byte{"pages/licenses.html": page, name: list}, err
}

// bundledPackages are the npm packages that something in the bundle comes from.
func bundledPackages(root, report string) ([]component, error) {
	var meta metafile
	if err := json.Unmarshal([]byte(report), &meta); err != nil {
		return nil, fmt.Errorf("read esbuild's report: %w", err)
	}
	inputs := make(map[string][]string) // of each package, by its directory
	for _, out := range meta.Outputs {
		for input := range out.Inputs {
			if dir := packageOf(input); dir != "" {
				inputs[dir] = append(inputs[dir], strings.TrimPrefix(input, dir+"/"))
			}
		}
	}
	var found []component
	for dir, files := range inputs {
		c, err := readPackage(os.DirFS(filepath.Join(root, dir)), files)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
		if c.Name == "@vladmandic/face-api" {
			found = append(found, tensorFlow)
		}
	}
	slices.SortFunc(found, func(a, b component) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// packageOf is the directory of the package that an input belongs to; empty for our own files.
func packageOf(input string) string {
	const modules = "node_modules/"
	i := strings.LastIndex(input, modules)
	if i < 0 {
		return ""
	}
	parts := strings.SplitN(input[i+len(modules):], "/", 3)
	if strings.HasPrefix(parts[0], "@") {
		return path.Join(input[:i+len(modules)], parts[0], parts[1])
	}
	return path.Join(input[:i+len(modules)], parts[0])
}

// readPackage reads what a package says about itself. A text beside a file that is bundled is about what that file holds of others.
func readPackage(dir fs.FS, inputs []string) (component, error) {
	var c component
	manifest, err := fs.ReadFile(dir, "package.json")
	if err == nil {
		err = json.Unmarshal(manifest, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read the manifest of a package: %w", err)
	}
	texts, err := readTexts(dir)
	if err != nil {
		return c, err
	}
	if len(texts) == 0 && c.License != apache {
		return c, fmt.Errorf("%s has no file with its licence", c.Name)
	}
	for _, input := range inputs {
		if text, err := fs.ReadFile(dir, input+".LICENSE.txt"); err == nil {
			texts = append(texts, string(text))
		}
		if ext := path.Ext(input); ext != ".js" && ext != ".mjs" && ext != ".cjs" {
			c.Parts = append(c.Parts, input)
		}
	}
	slices.Sort(c.Parts)
	c.Parts = slices.Compact(c.Parts)
	c.Text = whole(c.License, texts)
	return c, nil
}

// whole joins texts, and adds that of the Apache licence, which may be referred to.
func whole(license string, texts []string) string {
	text := strings.Join(texts, "\n\n")
	if strings.Contains(license, apache) && !strings.Contains(text, "TERMS AND CONDITIONS FOR USE") {
		text += "\n\n" + apacheText
	}
	return strings.TrimSpace(text)
}

// compiledModules are the Go modules that the program at repository is compiled from, Go's own library first.
func compiledModules(repository string) ([]component, error) {
	const format = `{{with .Module}}{{if not .Main}}{{.Path}}{{"\t"}}{{.Version}}{{"\t"}}{{.Dir}}{{"\t"}}{{$.Dir}}{{end}}{{end}}`
	command := exec.Command("go", "list", "-deps", "-f", format, "./cmd/sluice")
	command.Dir = repository
	var problems bytes.Buffer
	command.Stderr = &problems
	printed, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of the program: %w: %s", err, problems.String())
	}
	packages := make(map[[3]string][]string) // directories in each module
	for line := range strings.Lines(string(printed)) {
		if fields := strings.Split(strings.TrimSpace(line), "\t"); len(fields) == 4 {
			module := [3]string(fields[:3])
			packages[module] = append(packages[module], strings.TrimPrefix(fields[3], fields[2]+"/"))
		}
	}
	var found []component
	for module, directories := range packages {
		c, err := readModule(component{Name: module[0], Version: module[1]}, os.DirFS(module[2]), directories)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	slices.SortFunc(found, func(a, b component) int { return strings.Compare(a.Name, b.Name) })
	library, err := goLibrary()
	return append([]component{library}, found...), err
}

// goLibrary is the standard library of the Go that compiles.
func goLibrary() (component, error) {
	printed, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return component{}, fmt.Errorf("find the Go installation: %w", err)
	}
	return readModule(component{Name: "Go standard library", Version: runtime.Version()}, os.DirFS(strings.TrimSpace(string(printed))), nil)
}

// readModule adds to a module the text of its licence, and what that is called. One without a file for it may have it at the top of
// each source of the packages that are compiled.
func readModule(c component, dir fs.FS, packages []string) (component, error) {
	texts, err := readTexts(dir)
	if err == nil && len(texts) == 0 {
		texts, err = readHeads(dir, packages)
	}
	if err != nil {
		return c, err
	}
	if c.License = identify(strings.Join(texts, " ")); c.License == "" {
		return c, fmt.Errorf("the licence of %s is none that is known: read it, and teach identify", c.Name)
	}
	c.Text = whole(c.License, texts)
	return c, nil
}

// readTexts returns the files of a directory that hold a licence or a notice.
func readTexts(dir fs.FS) (texts []string, err error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("look for licences: %w", err)
	}
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		held := slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if !held || entry.IsDir() {
			continue
		}
		text, readErr := fs.ReadFile(dir, entry.Name())
		err = errors.Join(err, readErr)
		texts = append(texts, strings.TrimSpace(string(text)))
	}
	return texts, err
}

// readHeads returns what Go sources in directories say before everything else where that is a licence, each text once.
func readHeads(dir fs.FS, directories []string) (texts []string, err error) {
	for _, directory := range directories {
		sources, _ := fs.Glob(dir, path.Join(directory, "*.go"))
		for _, source := range sources {
			text, err := fs.ReadFile(dir, source)
			if err != nil {
				return nil, fmt.Errorf("look for licences: %w", err)
			}
			head, _, _ := strings.Cut(string(text), "\n\n")
			head = strings.ReplaceAll(strings.ReplaceAll("\n"+head, "\n// ", "\n"), "\n//", "\n")
			if head = strings.TrimSpace(head); identify(head) != "" && !slices.Contains(texts, head) {
				texts = append(texts, head)
			}
		}
	}
	return texts, nil
}

// marks are words of each licence; those of BSD-3-Clause are looked for before those that BSD-2-Clause has, too.
var marks = []struct{ words, license string }{
	{"Apache License", "Apache-2.0"},
	{"Mozilla Public License", "MPL-2.0"},
	{"Permission is hereby granted, free of charge", "MIT"},
	{"Permission to use, copy, modify", "ISC"},
	{"may be used to endorse or promote", "BSD-3-Clause"},
	{"Redistribution and use in source and binary forms", "BSD-2-Clause"},
}

// identify returns the SPDX expression of the licences in a text; empty when there are none that are known.
func identify(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var found []string
	for _, mark := range marks {
		if strings.Contains(text, mark.words) && !(mark.license == "BSD-2-Clause" && slices.Contains(found, "BSD-3-Clause")) {
			found = append(found, mark.license)
		}
	}
	return strings.Join(found, " AND ")
}

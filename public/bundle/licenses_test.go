package main

import (
	"encoding/json"
	"html"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// Whatever is bundled or compiled in is listed with the whole text of its licence.
func TestLicenses(t *testing.T) {
	files, err := Build("..")
	require.NoError(t, err)
	var list struct{ Pages, Program []component }
	for name, body := range files {
		if strings.HasPrefix(name, "assets/licenses-") {
			require.NoError(t, json.Unmarshal(body, &list))
		}
	}
	page := string(files["pages/licenses.html"])
	listed := make(map[string]component)
	for _, c := range append(list.Pages, list.Program...) {
		listed[c.Name] = c
		require.NotEmpty(t, c.Version, c.Name)
		require.NotEmpty(t, c.License, c.Name)
		require.Greater(t, len(c.Text), 500, "%s: a licence has more words", c.Name)
		require.Contains(t, html.UnescapeString(page), c.Text, c.Name)
	}
	for _, name := range []string{"hls.js", "dashjs", "uplot", "@vladmandic/face-api", "TensorFlow.js", "Go standard library", "github.com/pion/webrtc/v4"} {
		require.Contains(t, listed, name)
	}
	require.Contains(t, listed["@vladmandic/face-api"].Parts, "model/tiny_face_detector_model.bin")
	require.Contains(t, listed["@tensorflow/tfjs-backend-wasm"].Parts, "dist/tfjs-backend-wasm-simd.wasm")
	require.Contains(t, listed["hls.js"].Text, "TERMS AND CONDITIONS FOR USE", "it only refers to its licence")
	require.NotContains(t, listed, "typescript", "it is not bundled")
	require.NotContains(t, listed, "github.com/stretchr/testify", "only tests use it")

	printed, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "../../cmd/sluice").Output()
	require.NoError(t, err)
	for _, module := range strings.Fields(string(printed)) {
		require.Contains(t, listed, module)
	}
}

func TestPackageOf(t *testing.T) {
	for input, want := range map[string]string{
		"src/watch.ts":                                   "",
		"node_modules/hls.js/dist/hls.mjs":               "node_modules/hls.js",
		"node_modules/@scope/name/model/some.bin":        "node_modules/@scope/name",
		"node_modules/outer/node_modules/inner/index.js": "node_modules/outer/node_modules/inner",
		"../elsewhere/node_modules/uplot/dist/uPlot.css": "../elsewhere/node_modules/uplot",
	} {
		require.Equal(t, want, packageOf(input), input)
	}
}

func TestPackageWithoutLicense(t *testing.T) {
	files := fstest.MapFS{"package.json": {Data: []byte(`{"name": "odd", "version": "1.0.0", "license": "MIT"}`)}}
	_, err := readPackage(files, nil)
	require.ErrorContains(t, err, "odd has no file with its licence")
	_, err = readModule(component{Name: "odd"}, fstest.MapFS{"LICENSE": {Data: []byte("All rights reserved")}}, nil)
	require.ErrorContains(t, err, "the licence of odd is none that is known")
}

// Some modules have their licence in their sources alone; those of packages that are not compiled say nothing of the program.
func TestModuleWithLicenseInSources(t *testing.T) {
	files := fstest.MapFS{
		"used/a.go":  {Data: []byte("// By Ann.\n// Redistribution and use in source and binary forms\n//\n// are permitted.\n\npackage used\n")},
		"used/b.go":  {Data: []byte("// By Ann.\n// Redistribution and use in source and binary forms\n//\n// are permitted.\n\npackage used\n")},
		"used/c.go":  {Data: []byte("// Package used is useful.\npackage used\n")},
		"other/a.go": {Data: []byte("// Permission is hereby granted, free of charge\n\npackage other\n")},
	}
	c, err := readModule(component{Name: "odd"}, files, []string{"used"})
	require.NoError(t, err)
	require.Equal(t, "BSD-2-Clause", c.License)
	require.Equal(t, "By Ann.\nRedistribution and use in source and binary forms\n\nare permitted.", c.Text)
	_, err = readModule(component{Name: "odd"}, files, []string{"none"})
	require.ErrorContains(t, err, "the licence of odd is none that is known")
}

func TestIdentify(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby\n granted, free of charge":                                                                    "MIT",
		"Permission is hereby granted, free of charge … under the Apache License":                                           "Apache-2.0 AND MIT",
		"Redistribution and use in source and binary forms … may be used to endorse or promote":                             "BSD-3-Clause",
		"Redistribution and use in source and binary forms":                                                                 "BSD-2-Clause",
		"Permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby given": "ISC",
		"Do as you please": "",
	} {
		require.Equal(t, want, identify(text), text)
	}
}

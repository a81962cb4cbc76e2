package metrics

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// samples are the alerts and the dashboard that come with the service.
const samples = "../../../../../scripts/monitoring/"

// described finds the metrics of this package, with their labels.
func described(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`= (describe|describeWebhook|prometheus\.NewDesc)\("(\w+)", "(?:[^"\\]|\\.)*"(.*)\)`).FindAllStringSubmatch(string(source), -1) {
			name, labels := m[2], []string(nil)
			switch m[1] {
			case "describe":
				name, labels = "sluice_"+name, []string{"stream"}
			case "describeWebhook":
				name, labels = "sluice_webhook_"+name, []string{"target"}
			}
			for _, label := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(m[3], -1) {
				labels = append(labels, label[1])
			}
			found[name] = labels
		}
	}
	require.Greater(t, len(found), 60)
	require.Equal(t, []string{"stream", "kind", "reason"}, found["sluice_depay_frames_dropped_total"])
	require.Equal(t, []string{"result"}, found["sluice_config_reloads_total"])
	return found
}

// requireKnown fails for a query that asks for a metric or a label that there is not; shown are labels that its result is named by.
func requireKnown(t *testing.T, metrics map[string][]string, query, shown string) {
	t.Helper()
	labels := []string{"instance", "job"}
	selectors := regexp.MustCompile(`\b(sluice_\w+|up|process_\w+|go_\w+)\b(?:\{([^}]*)\})?`).FindAllStringSubmatch(query, -1)
	require.NotEmpty(t, selectors, query)
	for _, m := range selectors {
		own := metrics[m[1]]
		if strings.HasPrefix(m[1], "sluice_") {
			require.Contains(t, metrics, m[1], query)
		}
		labels = append(labels, own...)
		for _, matcher := range regexp.MustCompile(`(\w+)\s*=~?\s*"`).FindAllStringSubmatch(m[2], -1) {
			require.Contains(t, append(slices.Clone(own), "instance", "job"), matcher[1], query)
		}
	}
	for _, m := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(m[1], ", ") {
			require.Contains(t, labels, label, query)
		}
	}
	for _, m := range regexp.MustCompile(`\{\{ ?(?:\$labels\.)?(\w+) ?\}\}`).FindAllStringSubmatch(shown, -1) {
		require.Contains(t, labels, m[1], query)
	}
}

// The alerts ask for what there is.
func TestAlerts(t *testing.T) {
	var alerts struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For string
				Labels           map[string]string
				Annotations      map[string]string
			}
		}
	}
	file, err := os.Open(samples + "alerts.yaml")
	require.NoError(t, err)
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&alerts))
	require.Len(t, alerts.Groups, 1)
	require.Greater(t, len(alerts.Groups[0].Rules), 5)
	metrics, names := described(t), map[string]bool{}
	for _, rule := range alerts.Groups[0].Rules {
		require.False(t, names[rule.Alert], rule.Alert)
		names[rule.Alert] = true
		require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		requireKnown(t, metrics, rule.Expr, rule.Annotations["summary"]+rule.Annotations["description"])
	}
}

// The dashboard asks for what there is, and no panel lies on another one.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		Title, UID string
		Panels     []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr, LegendFormat string }
		}
		Templating struct{ List []struct{ Name, Type string } }
	}
	content, err := os.ReadFile(samples + "dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &dashboard))
	require.Equal(t, "sluice", dashboard.UID)
	metrics, cells, ids, queries := described(t), map[[2]int]string{}, map[int]bool{}, 0
	for _, panel := range dashboard.Panels {
		require.False(t, ids[panel.ID], panel.Title)
		ids[panel.ID] = true
		at := panel.GridPos
		require.LessOrEqual(t, at.X+at.W, 24, panel.Title)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				require.Empty(t, cells[[2]int{x, y}], panel.Title)
				cells[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type != "row" {
			require.NotEmpty(t, panel.Targets, panel.Title)
		}
		for _, target := range panel.Targets {
			queries++
			requireKnown(t, metrics, target.Expr, target.LegendFormat)
		}
	}
	require.Greater(t, queries, 20)
	for _, variable := range []string{"datasource", "instance", "stream"} {
		require.True(t, regexp.MustCompile(`\$\{?`+variable).Match(content), "%s is not used", variable)
		require.True(t, slices.ContainsFunc(dashboard.Templating.List, func(v struct{ Name, Type string }) bool { return v.Name == variable }), variable)
	}
}

package kubernetes

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type metadata struct {
	Name                string
	Labels, Annotations map[string]string
}

type port struct {
	Name          string
	ContainerPort int    `yaml:"containerPort"`
	Port          int    `yaml:"port"`
	TargetPort    string `yaml:"targetPort"`
	Protocol      string
}

type probe struct {
	HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
	PeriodSeconds    int                         `yaml:"periodSeconds"`
	TimeoutSeconds   int                         `yaml:"timeoutSeconds"`
	FailureThreshold int                         `yaml:"failureThreshold"`
}

type container struct {
	Name, Image string
	Args        []string
	EnvFrom     []struct {
		SecretRef struct{ Name string } `yaml:"secretRef"`
	} `yaml:"envFrom"`
	Ports           []port
	StartupProbe    probe `yaml:"startupProbe"`
	ReadinessProbe  probe `yaml:"readinessProbe"`
	LivenessProbe   probe `yaml:"livenessProbe"`
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext struct {
		AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type pod struct {
	Metadata metadata
	Spec     struct {
		HostNetwork                   bool   `yaml:"hostNetwork"`
		DNSPolicy                     string `yaml:"dnsPolicy"`
		AutomountServiceAccountToken  *bool  `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool  `yaml:"enableServiceLinks"`
		TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
		SecurityContext               struct {
			RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
			RunAsUser      int                   `yaml:"runAsUser"`
			RunAsGroup     int                   `yaml:"runAsGroup"`
			FSGroup        int                   `yaml:"fsGroup"`
			SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Containers []container
		Volumes    []struct {
			Name                  string
			PersistentVolumeClaim *struct {
				ClaimName string `yaml:"claimName"`
			} `yaml:"persistentVolumeClaim"`
			ConfigMap *struct{ Name string } `yaml:"configMap"`
			EmptyDir  *struct{}              `yaml:"emptyDir"`
		}
	}
}

// object has the fields of all objects of the manifests, and no others.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Data       map[string]string
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		AccessModes []string `yaml:"accessModes"`
		Resources   struct{ Requests map[string]string }
		Replicas    int
		Strategy    struct{ Type string }
		Selector    yaml.Node // of a Deployment a mapping more
		Template    pod
		Ports       []port
	}
}

// The objects name each other, the ports and the probes as the service has them, and know no misspelt field.
func TestManifests(t *testing.T) {
	file, err := os.Open("sluice.yaml")
	require.NoError(t, err)
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	objects := map[string]object{}
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Equal(t, "sluice", o.Metadata.Name)
		objects[o.APIVersion+" "+o.Kind] = o
	}
	for _, kind := range []string{"v1 ConfigMap", "v1 Secret", "v1 PersistentVolumeClaim", "apps/v1 Deployment", "v1 Service"} {
		require.Contains(t, objects, kind)
	}
	deployment, service := objects["apps/v1 Deployment"].Spec, objects["v1 Service"].Spec
	require.Equal(t, "Recreate", deployment.Strategy.Type, "two pods would want the same data directory")
	spec := deployment.Template.Spec
	require.False(t, *spec.EnableServiceLinks, "SLUICE_PORT of Kubernetes would be no key of the configuration")
	require.True(t, spec.SecurityContext.RunAsNonRoot)
	require.Len(t, spec.Containers, 1)
	sluice := spec.Containers[0]
	require.Equal(t, "sluice", sluice.EnvFrom[0].SecretRef.Name)

	var cfg struct {
		Data string
		HTTP struct{ Listen, Metrics string }
		ICE  struct{ UDP string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(objects["v1 ConfigMap"].Data["sluice.yaml"]), &cfg))
	ports := map[string]port{}
	for _, p := range sluice.Ports {
		ports[p.Name] = p
	}
	require.Equal(t, map[string]port{
		"http": {"http", 8080, 0, "", "TCP"}, "metrics": {"metrics", 9464, 0, "", "TCP"}, "media-udp": {"media-udp", 8189, 0, "", "UDP"}, "media-tcp": {"media-tcp", 8189, 0, "", "TCP"},
	}, ports)
	require.Equal(t, ":8080 :9464 0.0.0.0:8189", cfg.HTTP.Listen+" "+cfg.HTTP.Metrics+" "+cfg.ICE.UDP)
	require.Equal(t, "http", service.Ports[0].TargetPort)
	for path, p := range map[string]probe{"/readyz": sluice.StartupProbe, "/healthz": sluice.LivenessProbe} {
		require.Equal(t, path+" http", p.HTTPGet.Path+" "+p.HTTPGet.Port)
	}
	require.Equal(t, "/readyz", sluice.ReadinessProbe.HTTPGet.Path)

	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		volumes[volume.Name] = true
	}
	mounts := map[string]string{}
	for _, mount := range sluice.VolumeMounts {
		require.True(t, volumes[mount.Name], mount.Name)
		mounts[mount.Name] = mount.MountPath
	}
	require.Equal(t, cfg.Data, mounts["data"])
	require.Equal(t, mounts["config"]+"/sluice.yaml", sluice.Args[len(sluice.Args)-1])
	require.Contains(t, mounts, "tmp", "the rest of the file system is read-only")
}

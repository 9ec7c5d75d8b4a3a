// Decodes every document of job.yaml strictly with the types of k8s.io/api, and holds what they say against each other: an unknown
// field, a wrong type, or two numbers of shards would only be noticed in the cluster.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

func main() {
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
		fmt.Printf("%s: right\n", path)
	}
}

func check(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	jobs := map[string]*batchv1.Job{}
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		job := &batchv1.Job{}
		if err := strict.UnmarshalStrict(document, job); err != nil {
			return err
		}
		if job.APIVersion != "batch/v1" || job.Kind != "Job" {
			return fmt.Errorf("%s %s is no Job", job.APIVersion, job.Kind)
		}
		jobs[job.Name] = job
	}
	apply, merge := jobs["airbase-batch"], jobs["airbase-merge"]
	if apply == nil || merge == nil || len(jobs) != 2 {
		return fmt.Errorf("there should be the jobs airbase-batch and airbase-merge")
	}
	return errors.Join(indexed(apply), sound(apply), sound(merge))
}

// What the documentation of the Job API asks of an Indexed Job with a policy on failed pods.
func indexed(job *batchv1.Job) error {
	spec := job.Spec
	if spec.CompletionMode == nil || *spec.CompletionMode != batchv1.IndexedCompletion || spec.Completions == nil {
		return fmt.Errorf("%s is not an Indexed Job", job.Name)
	}
	if spec.BackoffLimitPerIndex == nil || spec.MaxFailedIndexes == nil || *spec.MaxFailedIndexes > *spec.Completions {
		return fmt.Errorf("%s does not bound failed indexes", job.Name)
	}
	for _, variable := range spec.Template.Spec.Containers[0].Env {
		if variable.Name == "JOB_COMPLETIONS" {
			if variable.Value == strconv.Itoa(int(*spec.Completions)) {
				return exits(job)
			}
			return fmt.Errorf("JOB_COMPLETIONS is %s and completions is %d", variable.Value, *spec.Completions)
		}
	}
	return fmt.Errorf("%s does not tell its pods how many they are", job.Name)
}

// Exits 1, 3 and 4 fail the index, 5 and 6 are tried again.
func exits(job *batchv1.Job) error {
	actions := map[int32]batchv1.PodFailurePolicyAction{}
	for _, rule := range job.Spec.PodFailurePolicy.Rules {
		if rule.OnExitCodes == nil {
			continue
		}
		for _, code := range rule.OnExitCodes.Values {
			if _, twice := actions[code]; twice {
				return fmt.Errorf("exit status %d is in two rules", code)
			}
			actions[code] = rule.Action
		}
	}
	for code, action := range map[int32]batchv1.PodFailurePolicyAction{
		1: batchv1.PodFailurePolicyActionFailIndex, 3: batchv1.PodFailurePolicyActionFailIndex,
		4: batchv1.PodFailurePolicyActionFailIndex, 5: batchv1.PodFailurePolicyActionCount, 6: batchv1.PodFailurePolicyActionCount,
	} {
		if actions[code] != action {
			return fmt.Errorf("exit status %d should be %s and is %q", code, action, actions[code])
		}
	}
	return nil
}

// A policy needs pods that are not restarted, and names containers that are there; what is mounted must be a volume.
func sound(job *batchv1.Job) error {
	pod := job.Spec.Template.Spec
	if pod.RestartPolicy != corev1.RestartPolicyNever {
		return fmt.Errorf("%s: podFailurePolicy needs restartPolicy Never", job.Name)
	}
	var containers, volumes []string
	for _, volume := range pod.Volumes {
		volumes = append(volumes, volume.Name)
	}
	for _, container := range pod.Containers {
		containers = append(containers, container.Name)
		for _, mount := range container.VolumeMounts {
			if !slices.Contains(volumes, mount.Name) {
				return fmt.Errorf("%s: no volume is called %s", job.Name, mount.Name)
			}
		}
		if container.Args[0] != "batch" {
			return fmt.Errorf("%s: the pods do not run a batch", job.Name)
		}
	}
	for _, rule := range job.Spec.PodFailurePolicy.Rules {
		if rule.OnExitCodes != nil && !slices.Contains(containers, *rule.OnExitCodes.ContainerName) {
			return fmt.Errorf("%s: no container is called %s", job.Name, *rule.OnExitCodes.ContainerName)
		}
	}
	return nil
}

// Command witness asks oras-go, the library of the oras program, what it makes of an image layout or of a registry, and serves
// a registry that answers the referrers API. scripts/interop runs it.
//
//	witness registry                                serves on loopback until standard input ends; prints its address
//	witness discover PLACE REFERENCE [TYPE]         prints the referrers as a JSON array of descriptors
//	witness copy PLACE REFERENCE PLACE REFERENCE    copies an image with all its referrers
//	witness attach PLACE REFERENCE TYPE [K=V]...    attaches a manifest without content; prints its descriptor
//
// A PLACE is oci:DIRECTORY or HOST/REPOSITORY.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	verb, rest := "", arguments
	if len(arguments) > 0 {
		verb, rest = arguments[0], arguments[1:]
	}
	switch {
	case verb == "registry" && len(rest) == 0:
		return serve()
	case verb == "discover" && (len(rest) == 2 || len(rest) == 3):
		return discover(ctx, rest[0], rest[1], strings.Join(rest[2:], ""))
	case verb == "copy" && len(rest) == 4:
		return copyAll(ctx, rest[0], rest[1], rest[2], rest[3])
	case verb == "attach" && len(rest) >= 3:
		return attach(ctx, rest[0], rest[1], rest[2], rest[3:])
	}
	return fmt.Errorf("unknown arguments %q; the head of main.go tells them", arguments)
}

// place opens a layout or a repository. A layout that is not there is made, as oras makes it.
func place(ctx context.Context, name string) (oras.GraphTarget, error) {
	if directory, ok := strings.CutPrefix(name, "oci:"); ok {
		return oci.NewWithContext(ctx, directory)
	}
	repository, err := remote.NewRepository(name)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = true
	return repository, nil
}

func discover(ctx context.Context, where, reference, artifactType string) error {
	store, err := place(ctx, where)
	if err != nil {
		return err
	}
	subject, err := store.Resolve(ctx, reference)
	if err != nil {
		return err
	}
	found, err := registry.Referrers(ctx, store, subject, artifactType)
	if err != nil {
		return err
	}
	return show(append([]ocispec.Descriptor{}, found...))
}

func attach(ctx context.Context, where, reference, artifactType string, annotations []string) error {
	store, err := place(ctx, where)
	if err != nil {
		return err
	}
	subject, err := store.Resolve(ctx, reference)
	if err != nil {
		return err
	}
	// By a tag it is resolved with the annotations of its entry, and so the subject has them.
	options := oras.PackManifestOptions{Subject: &subject, ManifestAnnotations: map[string]string{}}
	for _, annotation := range annotations {
		key, value, ok := strings.Cut(annotation, "=")
		if !ok {
			return fmt.Errorf("%q is not K=V", annotation)
		}
		options.ManifestAnnotations[key] = value
	}
	made, err := oras.PackManifest(ctx, store, oras.PackManifestVersion1_1, artifactType, options)
	if err != nil {
		return err
	}
	return show(made)
}

func show(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}

package main

import (
	"context"
	"encoding/json"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry"
)

// copyAll copies an image with its referrers, theirs, and those of its platforms, as the recursive copy of the oras program does.
func copyAll(ctx context.Context, from, reference, to, name string) error {
	source, err := place(ctx, from)
	if err != nil {
		return err
	}
	target, err := place(ctx, to)
	if err != nil {
		return err
	}
	root, err := source.Resolve(ctx, reference)
	if err != nil {
		return err
	}
	platforms, err := children(ctx, source, root)
	if err != nil {
		return err
	}
	options := oras.DefaultExtendedCopyOptions
	options.FindPredecessors = func(ctx context.Context, store content.ReadOnlyGraphStorage, node ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		found, err := registry.Referrers(ctx, store, node, "")
		if err != nil || node.Digest != root.Digest {
			return found, err
		}
		// From the image nothing leads up from its platforms, so their referrers count as its own.
		for _, platform := range platforms {
			more, err := registry.Referrers(ctx, store, platform, "")
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		return found, nil
	}
	copied, err := oras.ExtendedCopy(ctx, source, root.Digest.String(), target, name, options)
	if err != nil {
		return err
	}
	return show(copied)
}

// children are the manifests of an index; other manifests have none.
func children(ctx context.Context, source content.Fetcher, root ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if root.MediaType != ocispec.MediaTypeImageIndex {
		return nil, nil
	}
	document, err := content.FetchAll(ctx, source, root)
	if err != nil {
		return nil, err
	}
	var index ocispec.Index
	if err := json.Unmarshal(document, &index); err != nil {
		return nil, err
	}
	return index.Manifests, nil
}

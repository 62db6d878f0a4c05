package protobuf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// find reads the file that describes a message.
func find(path, imports, name string) (protoreflect.MessageDescriptor, error) {
	files, err := load(path, imports)
	if err != nil {
		return nil, fmt.Errorf("protobuf.descriptor-file: %w", err)
	}
	var names []string
	for _, f := range files {
		if m := findIn(f.Messages(), protoreflect.FullName(name), &names); m != nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("protobuf.message-name: %q has no message %q; there are %s", path, name, strings.Join(names, ", "))
}

func findIn(all protoreflect.MessageDescriptors, name protoreflect.FullName, names *[]string) protoreflect.MessageDescriptor {
	for i := range all.Len() {
		m := all.Get(i)
		if m.FullName() == name {
			return m
		}
		if !m.IsMapEntry() {
			*names = append(*names, string(m.FullName()))
		}
		if found := findIn(m.Messages(), name, names); found != nil {
			return found
		}
	}
	return nil
}

// load reads a source, or a set of descriptors.
func load(path, imports string) (files []protoreflect.FileDescriptor, err error) {
	if strings.HasSuffix(path, ".proto") {
		return compileSource(path, imports)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("%q is no set of descriptors, nor does it end in .proto: %w", path, err)
	}
	all, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, fmt.Errorf("%q: %w; a set needs what files import, as protoc --include_imports writes it", path, err)
	}
	all.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		files = append(files, f)
		return true
	})
	return files, nil
}

func compileSource(path, imports string) ([]protoreflect.FileDescriptor, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	dirs, name := []string{filepath.Dir(path)}, filepath.Base(path)
	if imports != "" {
		dirs = strings.Split(imports, ":")
		name = ""
		for _, d := range dirs {
			if rel, err := filepath.Rel(d, path); err == nil && filepath.IsLocal(rel) {
				name = filepath.ToSlash(rel)
				break
			}
		}
		if name == "" {
			return nil, errors.New("the source is in none of the directories of protobuf.import-path")
		}
	}
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: dirs}), MaxParallelism: 1,
	}
	compiled, err := c.Compile(context.Background(), name)
	if err != nil {
		return nil, err
	}
	return []protoreflect.FileDescriptor{compiled[0]}, nil
}

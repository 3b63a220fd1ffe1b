package chain

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

// patterns lists every pattern that a field of the API declares.
func patterns() map[string]protoreflect.FullName {
	all := map[string]protoreflect.FullName{}
	var rules func(of protoreflect.FullName, f *validate.FieldRules)
	rules = func(of protoreflect.FullName, f *validate.FieldRules) {
		if f == nil {
			return
		}
		if p := f.GetString().GetPattern(); p != "" {
			all[p] = of
		}
		rules(of, f.GetRepeated().GetItems())
		rules(of, f.GetMap().GetKeys())
		rules(of, f.GetMap().GetValues())
	}
	var messages func(list protoreflect.MessageDescriptors)
	messages = func(list protoreflect.MessageDescriptors) {
		for i := range list.Len() {
			for j := range list.Get(i).Fields().Len() {
				fd := list.Get(i).Fields().Get(j)
				f, _ := proto.GetExtension(fd.Options(), validate.E_Field).(*validate.FieldRules)
				rules(fd.FullName(), f)
			}
			messages(list.Get(i).Messages())
		}
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("fairlead.v1", func(f protoreflect.FileDescriptor) bool {
		messages(f.Messages())
		return true
	})
	return all
}

// TestFormOf has words for every pattern of the API, without any of its signs.
func TestFormOf(t *testing.T) {
	all := patterns()
	if len(all) < 20 {
		t.Fatalf("only %d patterns were found", len(all))
	}
	for p, field := range all {
		if got := formOf(p); !strings.HasPrefix(got, "write it ") || regexp.MustCompile(`[\^$\[\]{}()|*]`).MatchString(got) {
			t.Errorf("%s, %s: %q", field, p, got)
		}
	}
	for p, want := range map[string]string{
		"^programs/[a-z][a-z0-9-]{2,62}$":                                    "write it as programs/PROGRAM, its id with small letters a to z, digits and -",
		"^programs/[a-z][a-z0-9-]{2,62}/applications/[0-9a-f-]{36}$":         "write it as programs/PROGRAM/applications/APPLICATION, its id of 36 characters with small letters",
		"^programs/[a-z][a-z0-9-]{2,62}/selections/[0-9a-f-]{36}/result$":    "write it as programs/PROGRAM/selections/SELECTION/result, its id of 36 characters with small letters",
		"^programs/[a-z][a-z0-9-]{2,62}/criteria/(current|[1-9][0-9]{0,8})$": "write it as programs/PROGRAM/criteria/CRITERIA, its number or the word current",
		"^programs/[a-z][a-z0-9-]{2,62}/policies/[0-9a-f-]{36}$":             "write it as programs/PROGRAM/policies/POLICY, its id of 36 characters with small letters",
		"^auditEvents/(0|[1-9][0-9]{0,17})$":                                 "write it as auditEvents/AUDIT_EVENT, its number",
		"^x+$":                                                               "",
	} {
		if got := formOf(p); got != want {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

func TestPatternInPeoplesWords(t *testing.T) {
	v, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	c := &Chain{validator: v}
	err = c.validate(&v1.GetApplicationRequest{Name: "zq7canary"})
	found := violationsOf(err)
	if len(found) != 1 || found[0].Field != "name" || !strings.HasPrefix(found[0].Message, "write it as programs/PROGRAM/applications/APPLICATION") {
		t.Errorf("%v %v", err, found)
	}
}

func violationsOf(err error) []applications.Violation {
	var own *applications.Error
	if !errors.As(err, &own) {
		return nil
	}
	return own.Violations
}

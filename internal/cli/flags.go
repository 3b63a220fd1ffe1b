package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// flagError says in words for a person what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	problem := err.Error()
	var value *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &value):
		const form = "--%s %q: it must be %s\nrun: %s --help"
		must, ok := flagForms["--"+value.GetFlag().Name]
		if !ok {
			must, ok = flagForms[value.GetFlag().Value.Type()]
		}
		if ok {
			return usage(form, value.GetFlag().Name, value.GetValue(), must, cmd.CommandPath())
		}
	case errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1:
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, "--"+f.Name)
			}
		})
		problem = "unknown flag --" + unknown.GetSpecifiedName() + nearest.Hint("--"+unknown.GetSpecifiedName(), names)
	}
	return usage("%s\nrun: %s --help", problem, cmd.CommandPath())
}

// decimal is a flag of a whole number, in decimal only: "0x5" is a slip of the
// finger or a code, and "010" no eight.
type decimal struct{ pflag.Value }

func (d decimal) Set(text string) error {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return errors.New("no whole number")
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		digits = "0"
	}
	if strings.HasPrefix(text, "-") {
		digits = "-" + digits
	}
	return d.Value.Set(digits)
}

// inDecimal makes the whole numbers among the flags of all commands decimal.
func inDecimal(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if t := f.Value.Type(); t == "int" || t == "int64" {
			f.Value = decimal{f.Value}
		}
	})
	for _, sub := range cmd.Commands() {
		inDecimal(sub)
	}
}

// flagForms is how the value of a flag is written, by its name or else its type.
var flagForms = map[string]string{
	"int":      "a whole number",
	"int64":    "a whole number",
	"duration": "a time with its unit, such as 30s or 5m",
	"bool":     "true or false",

	"--max-chance": "a whole number of thousandths from 1 to 1000: 700 is 7 in 10",
}

// oneName lets a command take one name, and says which when it has another
// number of them.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usage("one name has to follow, not %d: %s\nrun: %s --help", len(args), cmd.UseLine(), cmd.CommandPath())
}

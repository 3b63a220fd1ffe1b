package sqlstore

import (
	"reflect"
	"sync"

	"github.com/openfairlead/fairlead/applications"
)

// formCache keeps decoded forms: every submission reads its program's form,
// which is tens of kilobytes and never changes. An entry is good as long as
// the stored row begins with the same seal (format, key and nonce): the nonce
// is random, so that no other row ever does.
type formCache struct {
	mu    sync.Mutex
	forms map[formName]cachedForm
}

type formName struct {
	program string
	version int
}

type cachedForm struct {
	seal string
	form *applications.Form
}

// maxCachedForms bounds the cache; a form takes about 100 KB decoded. A full
// cache starts over, which an installation with fewer open calls never sees.
const maxCachedForms = 64

// get returns a copy of the form that was stored under the seal, or nil.
func (c *formCache) get(name formName, seal []byte) *applications.Form {
	c.mu.Lock()
	e := c.forms[name]
	c.mu.Unlock()
	if e.form == nil || e.seal != string(seal) {
		return nil
	}
	return deepCopy(e.form)
}

func (c *formCache) put(name formName, seal []byte, f *applications.Form) {
	kept := deepCopy(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forms == nil || len(c.forms) >= maxCachedForms {
		c.forms = map[formName]cachedForm{}
	}
	c.forms[name] = cachedForm{string(seal), kept}
}

// forget drops the forms of a deleted program.
func (c *formCache) forget(program string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.forms {
		if name.program == program {
			delete(c.forms, name)
		}
	}
}

// deepCopy copies a value and all it refers to. It is for plain data: structs
// of exported fields, pointers, slices, maps and basic kinds.
func deepCopy[T any](v T) T {
	out := reflect.New(reflect.TypeFor[T]()).Elem()
	copyInto(out, reflect.ValueOf(&v).Elem())
	return out.Interface().(T)
}

// copyInto makes dst, which is zero, a deep copy of src.
func copyInto(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			copyInto(dst.Elem(), src.Elem())
		}
	case reflect.Struct:
		for i := range src.NumField() {
			copyInto(dst.Field(i), src.Field(i))
		}
	case reflect.Slice:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		if flat(src.Type().Elem()) {
			reflect.Copy(dst, src)
			return
		}
		for i := range src.Len() {
			copyInto(dst.Index(i), src.Index(i))
		}
	case reflect.Map:
		if src.IsNil() {
			return
		}
		if m, ok := src.Interface().(applications.Text); ok { // most of a form
			c := make(applications.Text, len(m))
			for k, v := range m {
				c[k] = v
			}
			dst.Set(reflect.ValueOf(c))
			return
		}
		dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
		for it := src.MapRange(); it.Next(); {
			v := reflect.New(src.Type().Elem()).Elem()
			copyInto(v, it.Value())
			dst.SetMapIndex(it.Key(), v)
		}
	default:
		dst.Set(src)
	}
}

// flat reports whether values of the type hold no references that could be
// written through.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Struct, reflect.Interface, reflect.Array:
		return false
	}
	return true
}

package sqlstore

import (
	"maps"
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
	stamp string
	form  *applications.Form
}

// maxCachedForms bounds the cache; a form takes about 100 KB decoded. A full
// cache starts over, which an installation with fewer open calls never sees.
const maxCachedForms = 64

// get returns a copy of the form that was stored with the stamp, or nil.
func (c *formCache) get(name formName, stamp []byte) *applications.Form {
	c.mu.Lock()
	e := c.forms[name]
	c.mu.Unlock()
	if e.form == nil || e.stamp != string(stamp) {
		return nil
	}
	return deepCopy(e.form)
}

func (c *formCache) put(name formName, stamp []byte, f *applications.Form) {
	kept := deepCopy(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forms == nil || len(c.forms) >= maxCachedForms {
		c.forms = map[formName]cachedForm{}
	}
	c.forms[name] = cachedForm{string(stamp), kept}
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
	out := v
	copyInto(reflect.ValueOf(&out).Elem(), reflect.ValueOf(&v).Elem())
	return out
}

// copyInto replaces every reference in dst, a shallow copy of src, by a deep
// copy.
func copyInto(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			dst.Elem().Set(src.Elem())
			copyInto(dst.Elem(), src.Elem())
		}
	case reflect.Struct:
		for _, i := range references(src.Type()) {
			copyInto(dst.Field(i), src.Field(i))
		}
	case reflect.Slice:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		reflect.Copy(dst, src)
		if !flat(src.Type().Elem()) {
			for i := range src.Len() {
				copyInto(dst.Index(i), src.Index(i))
			}
		}
	case reflect.Map:
		if src.IsNil() {
			return
		}
		if m, ok := src.Interface().(applications.Text); ok { // most of a form
			dst.Set(reflect.ValueOf(maps.Clone(m)))
			return
		}
		dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
		for it := src.MapRange(); it.Next(); {
			v := reflect.New(src.Type().Elem()).Elem()
			v.Set(it.Value())
			copyInto(v, it.Value())
			dst.SetMapIndex(it.Key(), v)
		}
	}
}

// flat reports whether values of the type hold no references that could be
// written through.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface, reflect.Array:
		return false
	case reflect.Struct:
		return len(references(t)) == 0
	}
	return true
}

// references lists the fields of a struct that are not flat.
func references(t reflect.Type) []int {
	if list, ok := referenceFields.Load(t); ok {
		return list.([]int)
	}
	list := []int{}
	for i := range t.NumField() {
		if !flat(t.Field(i).Type) {
			list = append(list, i)
		}
	}
	referenceFields.Store(t, list)
	return list
}

var referenceFields sync.Map // reflect.Type -> []int

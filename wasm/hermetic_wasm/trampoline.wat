;; Calls a CPython method with as many arguments as it really takes.
;;
;; C lets a method that ignores its last arguments be declared with fewer; a WebAssembly
;; indirect call traps when types differ. CPython therefore calls methods through the
;; function pointer in _PyRuntime.emscripten_trampoline (CPython 3.14,
;; Python/emscripten_trampoline.c), whose C type is
;;
;;   PyObject *(*)(int *success, PyCFunctionWithKeywords func,
;;                 PyObject *self, PyObject *args, PyObject *kw)
;;
;; *success becomes 1, and stays 1 if the function takes 0 to 3 pointers and gives one.
;; If not (or if func is a null pointer), *success becomes 0 and the result NULL, from
;; which CPython makes a SystemError. A func outside the table traps.
(module
  (type $none (func (result i32)))
  (type $one (func (param i32) (result i32)))
  (type $two (func (param i32 i32) (result i32)))
  (type $three (func (param i32 i32 i32) (result i32)))

  (import "env" "memory" (memory 0))
  (import "env" "table" (table $functions 0 funcref))

  (func (export "trampoline")
    (param $success i32) (param $func i32) (param $self i32) (param $args i32) (param $kw i32)
    (result i32)
    (local $target funcref)
    (i32.store (local.get $success) (i32.const 1))
    (local.set $target (table.get $functions (local.get $func)))
    (if (ref.test (ref $three) (local.get $target))
      (then (return_call_ref $three
        (local.get $self) (local.get $args) (local.get $kw)
        (ref.cast (ref $three) (local.get $target)))))
    (if (ref.test (ref $two) (local.get $target))
      (then (return_call_ref $two
        (local.get $self) (local.get $args)
        (ref.cast (ref $two) (local.get $target)))))
    (if (ref.test (ref $one) (local.get $target))
      (then (return_call_ref $one
        (local.get $self)
        (ref.cast (ref $one) (local.get $target)))))
    (if (ref.test (ref $none) (local.get $target))
      (then (return_call_ref $none
        (ref.cast (ref $none) (local.get $target)))))
    (i32.store (local.get $success) (i32.const 0))
    (i32.const 0)))

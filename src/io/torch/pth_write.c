/* Writes the zip format of torch.save. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "io/torch/pth_file.h"

enum { DEEPEST = 100 };

typedef struct pth_writer {
    pickle_writer pickle;
    arena *mem;
    VEC(pth_value *) tensors; /* numbered in the order of their first use */
    cseg_error *err;
} pth_writer;

static void put_ordered_dict(pickle_writer *w)
{
    pickle_put_global(w, "collections", "OrderedDict");
    pickle_put_op(w, ')');
    pickle_put_op(w, 'R');
}

static void put_sizes(pickle_writer *w, int n, const int64_t *v)
{
    pickle_put_op(w, '(');
    for (int i = 0; i < n; i++)
        pickle_put_int(w, v[i]);
    pickle_put_op(w, 't');
}

/* ('storage', torch.FloatStorage, '12', 'cpu', count) */
static void put_storage(pickle_writer *w, const pth_value *v)
{
    char key[24];
    int n = snprintf(key, sizeof key, "%lld", (long long)v->number - 1);
    pickle_put_op(w, '(');
    pickle_put_str(w, "storage", 7);
    pickle_put_global(w, "torch", pth_storage_name(v->type));
    pickle_put_str(w, key, (size_t)n);
    pickle_put_str(w, "cpu", 3);
    pickle_put_int(w, v->count);
    pickle_put_op(w, 't');
    pickle_put_op(w, 'Q');
}

/* torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks) */
static cseg_status put_tensor(pth_writer *w, pth_value *v)
{
    int64_t stride[PTH_MAX_DIMS], step = 1;
    if (!v->number) {
        if (!vec_push(w->mem, &w->tensors, v))
            return fail_memory(w->err);
        v->number = (int64_t)w->tensors.n;
    }
    for (int i = v->ndim - 1; i >= 0; i--) {
        stride[i] = step;
        step *= v->shape[i] > 1 ? v->shape[i] : 1;
    }
    pickle_writer *p = &w->pickle;
    pickle_put_global(p, "torch._utils", "_rebuild_tensor_v2");
    pickle_put_op(p, '(');
    put_storage(p, v);
    pickle_put_int(p, 0);
    put_sizes(p, v->ndim, v->shape);
    put_sizes(p, v->ndim, stride);
    pickle_put_bool(p, false);
    put_ordered_dict(p);
    pickle_put_op(p, 't');
    pickle_put_op(p, 'R');
    return CSEG_OK;
}

static cseg_status put_value(pth_writer *w, pth_value *v, int depth);

/* BEGIN [MARK items END]; a tuple has its mark first and no beginning. */
static cseg_status put_items(pth_writer *w, const pth_value *v, char end, int depth)
{
    if (v->items.n == 0 && v->kind != V_TUPLE)
        return CSEG_OK;
    pickle_put_op(&w->pickle, '(');
    for (size_t i = 0; i < v->items.n; i++)
        TRY(put_value(w, v->items.at[i], depth + 1));
    pickle_put_op(&w->pickle, end);
    return CSEG_OK;
}

static cseg_status put_value(pth_writer *w, pth_value *v, int depth)
{
    if (depth > DEEPEST)
        return fail(w->err, CSEG_USAGE, "a checkpoint is nested more than %d levels deep, or holds itself", DEEPEST);
    pickle_writer *p = &w->pickle;
    switch (v->kind) {
    case V_NONE:
        pickle_put_none(p);
        return CSEG_OK;
    case V_BOOL:
        pickle_put_bool(p, v->integer);
        return CSEG_OK;
    case V_INT:
        pickle_put_int(p, v->integer);
        return CSEG_OK;
    case V_FLOAT:
        pickle_put_float(p, v->real);
        return CSEG_OK;
    case V_STR:
        pickle_put_str(p, v->text, strlen(v->text));
        return CSEG_OK;
    case V_LIST:
        pickle_put_op(p, ']');
        return put_items(w, v, 'e', depth);
    case V_TUPLE:
        return put_items(w, v, 't', depth);
    case V_DICT:
        pickle_put_op(p, '}');
        return put_items(w, v, 'u', depth);
    case V_ORDERED:
        put_ordered_dict(p);
        return put_items(w, v, 'u', depth);
    case V_TENSOR:
        break;
    }
    return put_tensor(w, v);
}

static cseg_status write_tensor(pth_writer *w, zip_writer *zip, pth_value *v)
{
    char name[64];
    size_t n = (size_t)v->count * pth_type_size(v->type);
    snprintf(name, sizeof name, "archive/data/%lld", (long long)v->number - 1);
    return zip_add(zip, name, v->data, n) ? CSEG_OK : fail_memory(w->err);
}

static cseg_status write_archive(pth_writer *w, FILE *out)
{
    zip_writer *zip = zip_writer_new(out, w->mem);
    if (!zip || !zip_add(zip, "archive/data.pkl", w->pickle.out.text, w->pickle.out.n) ||
        !zip_add(zip, "archive/byteorder", "little", 6))
        return fail_memory(w->err);
    /* Stops at the first tensor after a write error: a full disk should not cost the whole file's time. */
    for (size_t i = 0; i < w->tensors.n && !ferror(out); i++)
        TRY(write_tensor(w, zip, w->tensors.at[i]));
    if (!zip_add(zip, "archive/version", "3\n", 2))
        return fail_memory(w->err);
    zip_finish(zip);
    return CSEG_OK;
}

cseg_status pth_write(const char *path, pth_builder *b, const pth_value *root, cseg_error *err)
{
    if (b->failed || !root)
        return fail_memory(err);
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    file_replace f = {0};
    pth_writer w = {.mem = mem, .err = err};
    pickle_begin(&w.pickle, mem);
    TRY_DONE(put_value(&w, (pth_value *)root, 0));
    pickle_end(&w.pickle);
    if (w.pickle.out.failed) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(file_replace_open(&f, path, mem, err));
    TRY_DONE(write_archive(&w, f.out));
    TRY_DONE(file_replace_commit(&f, err));
done:
    for (size_t i = 0; i < w.tensors.n; i++)
        w.tensors.at[i]->number = 0;
    file_replace_abort(&f);
    arena_free(mem);
    return status;
}

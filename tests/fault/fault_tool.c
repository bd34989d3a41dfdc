/* fault_tool: what the fault tests need besides the program itself.
 *   shapes DIR N [SIZE]    N pictures of shapes, DIR/img/I.png, and their label maps, DIR/ann/I.png, of classes 0 to 2
 *   label FILE H W VALUE   a label map of one value
 *   geotiff FILE SIZE      a scene of three bands that knows its place
 *   same A B [weights]     whether two checkpoints are equal to the bit (all of them, or the weights alone)
 *   finite FILE            whether all weights of a checkpoint are numbers
 *   number FILE KEY...     prints the number that stands under the keys, one inside the other
 *   flip FILE ENTRY        turns a bit in the midst of an entry of a zip archive
 *   calls FILE             a checkpoint whose pickle wants to call os.system
 * Exit codes: 0 yes or done, 1 no, 2 a mistake. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "io/archive/zip.h"
#include "io/image/image.h"
#include "io/raster/raster.h"
#include "io/torch/pth.h"

enum { DEEPEST = 50 };

static cseg_status shape(const char *dir, int i, int size, arena *mem, cseg_error *err)
{
    static const uint8_t colour[3][3] = {{60, 70, 60}, {200, 60, 90}, {30, 180, 240}};
    rng r = rng_derive(17, (uint64_t)i, 0);
    int x = (int)rng_below(&r, size / 2), y = (int)rng_below(&r, size / 2);
    image img, ann;
    char *a = arena_printf(mem, "%s/img/%d.png", dir, i), *b = arena_printf(mem, "%s/ann/%d.png", dir, i);
    if (!a || !b)
        return fail_memory(err);
    TRY(image_new(size, size, 3, IMAGE_U8, &img, err));
    cseg_status status = image_new(size, size, 1, IMAGE_U8, &ann, err);
    for (int p = 0; status == CSEG_OK && p < size * size; p++) {
        int px = p % size - x, py = p / size - y;
        int k = px < 0 || py < 0 || px >= size / 2 || py >= size / 2 ? 0 : 1 + px * 4 / size;
        *image_u8(&ann, p / size, p % size) = (uint8_t)k;
        for (int c = 0; c < 3; c++)
            image_u8(&img, p / size, p % size)[c] = (uint8_t)(colour[k][c] + (int)rng_below(&r, 15));
    }
    if (status == CSEG_OK)
        status = image_write(a, &img, NULL, err);
    if (status == CSEG_OK)
        status = image_write(b, &ann, NULL, err);
    image_release(&img);
    image_release(&ann);
    return status;
}

static cseg_status shapes(int argc, char **argv, arena *mem, cseg_error *err)
{
    if (argc < 2)
        return fail(err, CSEG_USAGE, "shapes DIR N [SIZE]");
    char *img = path_join(mem, argv[0], "img"), *ann = path_join(mem, argv[0], "ann");
    if (!img || !ann)
        return fail_memory(err);
    TRY(dir_create(img, err));
    TRY(dir_create(ann, err));
    for (int i = 0; i < atoi(argv[1]); i++)
        TRY(shape(argv[0], i, argc > 2 ? atoi(argv[2]) : 48, mem, err));
    return CSEG_OK;
}

static cseg_status label(int argc, char **argv, cseg_error *err)
{
    if (argc != 4)
        return fail(err, CSEG_USAGE, "label FILE H W VALUE");
    image m;
    TRY(image_new(atoi(argv[1]), atoi(argv[2]), 1, IMAGE_U8, &m, err));
    memset(m.data, atoi(argv[3]), image_bytes(&m));
    cseg_status status = image_write(argv[0], &m, NULL, err);
    image_release(&m);
    return status;
}

static cseg_status geotiff(int argc, char **argv, arena *mem, cseg_error *err)
{
    raster_place place = {.has_transform = true, .transform = {500000, 10, 0, 5000000, 0, -10}, .projection = ""};
    if (argc != 2)
        return fail(err, CSEG_USAGE, "geotiff FILE SIZE");
    raster_spec spec = {
        .h = atoi(argv[1]), .w = atoi(argv[1]), .bands = 3, .type = IMAGE_U8, .place = &place, .has_nodata = true};
    raster_writer *w;
    image m;
    TRY(image_new(spec.h, spec.w, 3, IMAGE_U8, &m, err));
    for (size_t i = 0; i < image_bytes(&m); i++)
        ((uint8_t *)m.data)[i] = (uint8_t)(i * 7 % 251);
    cseg_status status = raster_create(argv[0], &spec, mem, &w, err);
    if (status == CSEG_OK)
        status = raster_write(w, 0, 0, 0, &m, err);
    if (status == CSEG_OK)
        status = raster_commit(w, err);
    image_release(&m);
    return status;
}

/* One part of two checkpoints. */
typedef struct pair {
    pth *a, *b;
    arena *mem;
    cseg_error *err;
} pair;

static cseg_status differ(const pair *p, const char *where)
{
    return fail(p->err, CSEG_DATA, "%s and %s differ at '%s'", pth_path(p->a), pth_path(p->b), where);
}

/* Texts that name the run and the moment, not its state. */
static bool may_differ(const char *key)
{
    static const char *const keys[] = {"time", "cfg",       "config",    "exp_name",     "experiment_name",
                                       "kept", "last_ckpt", "best_ckpt", "keep_ckpt_ids"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static cseg_status same_tensors(const pair *p, const pickle_node *x, const pickle_node *y, const char *where)
{
    pth_tensor s, t;
    TRY(pth_as_tensor(p->a, x, &s, p->err));
    TRY(pth_as_tensor(p->b, y, &t, p->err));
    if (s.type != t.type || s.ndim != t.ndim || s.count != t.count ||
        memcmp(s.shape, t.shape, (size_t)s.ndim * sizeof *s.shape))
        return differ(p, where);
    size_t n = (size_t)s.count * pth_type_size(s.type);
    void *one = arena_alloc(p->mem, n + 1), *two = arena_alloc(p->mem, n + 1);
    if (!one || !two)
        return fail_memory(p->err);
    TRY(pth_tensor_raw(p->a, &s, one, p->err));
    TRY(pth_tensor_raw(p->b, &t, two, p->err));
    return memcmp(one, two, n) == 0 ? CSEG_OK : differ(p, where);
}

static cseg_status same_nodes(const pair *p, const pickle_node *x, const pickle_node *y, const char *where, int depth);

static cseg_status same_rows(const pair *p, const pickle_node *x, const pickle_node *y, const char *where, int depth)
{
    if (x->seq.n != y->seq.n)
        return differ(p, where);
    for (size_t i = 0; i < x->seq.n; i++) {
        const char *key = x->kind == PICKLE_DICT && i % 2 ? pickle_str(x->seq.at[i - 1]) : NULL;
        if (!key || !may_differ(key))
            TRY(same_nodes(p, x->seq.at[i], y->seq.at[i], key ? key : where, depth + 1));
    }
    return CSEG_OK;
}

static cseg_status same_nodes(const pair *p, const pickle_node *x, const pickle_node *y, const char *where, int depth)
{
    if (depth > DEEPEST)
        return fail(p->err, CSEG_CORRUPT, "%s: nested too deeply", pth_path(p->a));
    if (!x || !y)
        return x == y ? CSEG_OK : differ(p, where);
    if (pth_is_tensor(x) && pth_is_tensor(y))
        return same_tensors(p, x, y, where);
    if (x->kind != y->kind)
        return differ(p, where);
    switch (x->kind) {
    case PICKLE_DICT:
    case PICKLE_LIST:
    case PICKLE_TUPLE:
        return same_rows(p, x, y, where, depth);
    case PICKLE_STR:
        return x->str.n == y->str.n && memcmp(x->str.text, y->str.text, x->str.n) == 0 ? CSEG_OK : differ(p, where);
    case PICKLE_BOOL:
        return x->boolean == y->boolean ? CSEG_OK : differ(p, where);
    case PICKLE_INT:
        return x->integer == y->integer ? CSEG_OK : differ(p, where);
    case PICKLE_FLOAT:
        return memcmp(&x->real, &y->real, sizeof x->real) == 0 ? CSEG_OK : differ(p, where);
    case PICKLE_NONE:
        return CSEG_OK;
    default:
        return fail(p->err, CSEG_UNSUPPORTED, "%s: '%s' is a %s", pth_path(p->a), where, pickle_kind_name(x->kind));
    }
}

static cseg_status same(int argc, char **argv, arena *mem, cseg_error *err)
{
    pair p = {.mem = mem, .err = err};
    if (argc < 2)
        return fail(err, CSEG_USAGE, "same A B [weights]");
    TRY(pth_open(argv[0], mem, &p.a, err));
    TRY(pth_open(argv[1], mem, &p.b, err));
    const pickle_node *a = pth_root(p.a), *b = pth_root(p.b);
    if (argc > 2)
        return same_nodes(&p, pickle_get(a, "state_dict"), pickle_get(b, "state_dict"), "state_dict", 0);
    return same_nodes(&p, a, b, "the whole", 0);
}

static cseg_status number(int argc, char **argv, arena *mem, cseg_error *err)
{
    pth *p;
    double v;
    if (argc < 2)
        return fail(err, CSEG_USAGE, "number FILE KEY...");
    TRY(pth_open(argv[0], mem, &p, err));
    const pickle_node *n = pth_root(p);
    for (int i = 1; i < argc; i++)
        n = pickle_get(n, argv[i]);
    if (!pickle_number(n, &v))
        return fail(err, CSEG_NOT_FOUND, "%s: there is no number", argv[0]);
    printf("%g\n", v);
    return CSEG_OK;
}

static cseg_status finite(int argc, char **argv, arena *mem, cseg_error *err)
{
    pth *p;
    if (argc != 1)
        return fail(err, CSEG_USAGE, "finite FILE");
    TRY(pth_open(argv[0], mem, &p, err));
    for (size_t i = 0; i < pth_count(p); i++) {
        const pth_tensor *t = pth_at(p, i);
        float *v = ARENA_ARRAY(mem, (size_t)t->count + 1, float);
        if (!v)
            return fail_memory(err);
        TRY(pth_tensor_f32(p, t, v, err));
        for (int64_t k = 0; k < t->count; k++)
            if (!isfinite(v[k]))
                return fail(err, CSEG_DATA, "%s: element %lld of %s is %g", argv[0], (long long)k, t->name,
                            (double)v[k]);
    }
    return CSEG_OK;
}

static cseg_status flip(int argc, char **argv, arena *mem, cseg_error *err)
{
    char *bytes;
    size_t n;
    zip_archive zip;
    if (argc != 2)
        return fail(err, CSEG_USAGE, "flip FILE ENTRY");
    TRY(file_read(argv[0], 0, mem, &bytes, &n, err));
    TRY(zip_open(bytes, n, argv[0], mem, &zip, err));
    const zip_entry *e = zip_find(&zip, argv[1]);
    if (!e || e->size == 0)
        return fail(err, CSEG_NOT_FOUND, "%s: there is no '%s'", argv[0], argv[1]);
    bytes[e->at + e->size / 2] ^= 4;
    return file_replace_bytes(argv[0], bytes, n, mem, err);
}

static cseg_status calls(int argc, char **argv, arena *mem, cseg_error *err)
{
    static const char pickle[] = "cos\nsystem\n(S'touch called'\ntR.";
    if (argc != 1)
        return fail(err, CSEG_USAGE, "calls FILE");
    FILE *out = fopen(argv[0], "wb");
    if (!out)
        return fail_errno(err, argv[0], "write");
    zip_writer *zip = zip_writer_new(out, mem);
    bool good =
        zip && zip_add(zip, "archive/data.pkl", pickle, sizeof pickle - 1) && zip_add(zip, "archive/version", "3\n", 2);
    if (good)
        zip_finish(zip);
    good &= fclose(out) == 0;
    return good ? CSEG_OK : fail_errno(err, argv[0], "write");
}

int main(int argc, char **argv)
{
    cseg_error err = {0};
    const char *what = argc > 1 ? argv[1] : "";
    arena *mem = arena_new();
    if (!mem)
        return 2;
    cseg_status status;
    if (strcmp(what, "shapes") == 0)
        status = shapes(argc - 2, argv + 2, mem, &err);
    else if (strcmp(what, "label") == 0)
        status = label(argc - 2, argv + 2, &err);
    else if (strcmp(what, "geotiff") == 0)
        status = geotiff(argc - 2, argv + 2, mem, &err);
    else if (strcmp(what, "same") == 0)
        status = same(argc - 2, argv + 2, mem, &err);
    else if (strcmp(what, "number") == 0)
        status = number(argc - 2, argv + 2, mem, &err);
    else if (strcmp(what, "finite") == 0)
        status = finite(argc - 2, argv + 2, mem, &err);
    else if (strcmp(what, "flip") == 0)
        status = flip(argc - 2, argv + 2, mem, &err);
    else if (strcmp(what, "calls") == 0)
        status = calls(argc - 2, argv + 2, mem, &err);
    else
        status = fail(&err, CSEG_USAGE, "shapes, label, geotiff, same, finite, number, flip or calls");
    arena_free(mem);
    if (status != CSEG_OK)
        fprintf(stderr, "fault_tool: %s\n", err.text);
    return status == CSEG_OK ? 0 : status == CSEG_DATA ? 1 : 2;
}

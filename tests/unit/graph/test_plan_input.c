/* What comes into a plan is compared with what the graph declares: shape, type, channels, dates, labels. */
#include "graph_test.h"

static cseg_status nothing(kernel *k, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)k;
    (void)in;
    (void)out;
    (void)scratch;
    (void)err;
    return CSEG_OK;
}

static cseg_status prepare(backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                           cseg_error *err)
{
    (void)s;
    (void)b;
    (void)n;
    *out = ARENA_NEW(mem, kernel);
    if (!*out)
        return (fail)(err, CSEG_NO_MEMORY, "out of memory");
    (*out)->run = nothing;
    (*out)->in_place = -1;
    return CSEG_OK;
}

static backend idle = {.name = "idle", .memory = &host_memory, .vectors = &plain_vectors, .prepare = prepare};

/* The loss of 2 images of 2 x 3 pixels: logits are the image itself. */
typedef struct fixture {
    graph *g;
    plan *p;
} fixture;

static fixture open_loss(int64_t channels, int dates, bool sigmoid, int64_t ignore_index)
{
    fixture f = {.g = graph_new(false)};
    cseg_error err;
    tensor *img = graph_input(f.g, "img", DT_F32, 4, DIMS(2, 2, 3, channels));
    img->dates = dates;
    tensor *label = graph_input(f.g, "gt_semantic_seg", DT_I32, 3, DIMS(2, 2, 3));
    tensor *weight = graph_input(f.g, "seg_weight_map", DT_F32, 3, DIMS(2, 2, 3));
    loss_attr a = {.ignore_index = ignore_index, .scale = 1};
    graph_push_scope(f.g, "decode_head.loss_decode");
    graph_add_output(f.g, "loss",
                     sigmoid ? op_binary_cross_entropy(f.g, img, label, NULL, weight, a)
                             : op_cross_entropy(f.g, img, label, NULL, weight, a));
    graph_pop_scope(f.g);
    assert_int_equal(plan_build(f.g, &idle, &f.p, &err), CSEG_OK);
    return f;
}

static void close_loss(fixture *f)
{
    plan_free(f->p);
    graph_free(f->g);
}

static const char *file_of(const void *arg, int64_t i)
{
    return ((const char *const *)arg)[i];
}
static const char *const files[] = {"first.png", "second.png"};

static float room[2 * 2 * 3 * 128];

static plan_data image(int64_t channels, int dates)
{
    return (plan_data){.data = room,
                       .type = DT_F32,
                       .rank = 4,
                       .dim = {2, 2, 3, channels},
                       .dates = dates,
                       .file = file_of,
                       .arg = files};
}

static plan_data labels(const int32_t *data)
{
    return (plan_data){.data = data, .type = DT_I32, .rank = 3, .dim = {2, 2, 3}, .file = file_of, .arg = files};
}

static void refused_by_both(fixture *f, const char *name, plan_data d, const char *text)
{
    cseg_error err = {.text = ""};
    void *to = NULL;
    assert_int_equal(plan_bind_input(f->p, name, &d, &err), CSEG_SHAPE);
    assert_string_equal(err.text, text);
    err.text[0] = 0;
    assert_int_equal(plan_open_input(f->p, name, &d, &to, &err), CSEG_SHAPE);
    assert_string_equal(err.text, text);
    assert_null(to);
}

static void channels_must_be_the_models(void **state)
{
    (void)state;
    static const int64_t wrong[] = {1, 2, 4, 6, 128};
    fixture f = open_loss(3, 0, false, 255);
    plan_data good = image(3, 1);
    void *to;
    assert_int_equal(plan_bind_input(f.p, "img", &good, NULL), CSEG_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[96];
        snprintf(text, sizeof text, "first.png has %d channels, the model takes 3", (int)wrong[i]);
        refused_by_both(&f, "img", image(wrong[i], 1), text);
    }
    refused_by_both(&f, "img", image(6, 2), "first.png has 6 (two dates of 3) channels, the model takes 3");
    assert_int_equal(plan_open_input(f.p, "img", &good, &to, NULL), CSEG_OK);
    assert_ptr_equal(to, plan_input(f.p, "img", NULL));
    close_loss(&f);
}

static void a_model_of_two_dates_takes_pairs(void **state)
{
    (void)state;
    fixture f = open_loss(6, 2, false, 255);
    plan_data pair = image(6, 2);
    assert_int_equal(plan_bind_input(f.p, "img", &pair, NULL), CSEG_OK);
    refused_by_both(&f, "img", image(3, 1), "first.png has 3 channels, the model takes 6 (two dates of 3)");
    refused_by_both(&f, "img", image(6, 1), "first.png has 6 channels of one date, the model takes 6 (two dates of 3)");
    refused_by_both(&f, "img", image(8, 2),
                    "first.png has 8 (two dates of 4) channels, the model takes 6 (two dates of 3)");
    close_loss(&f);
    /* A model that sees channels alone does not mind whence they come. */
    f = open_loss(6, 0, false, 255);
    assert_int_equal(plan_bind_input(f.p, "img", &pair, NULL), CSEG_OK);
    close_loss(&f);
}

static void shape_and_type_must_be_the_graphs(void **state)
{
    (void)state;
    fixture f = open_loss(3, 0, false, 255);
    plan_data d = image(3, 1);
    d.dim[1] = 4;
    refused_by_both(&f, "img", d,
                    "first.png: img is float32 [2, 4, 3, 3] in its batch, the model takes float32 [2, 2, 3, 3]");
    d = image(3, 1);
    d.rank = 3;
    refused_by_both(&f, "img", d,
                    "first.png: img is float32 [2, 2, 3] in its batch, the model takes float32 [2, 2, 3, 3]");
    d = image(3, 1);
    d.type = DT_U8;
    refused_by_both(&f, "img", d,
                    "first.png: img is uint8 [2, 2, 3, 3] in its batch, the model takes float32 [2, 2, 3, 3]");
    d = labels((const int32_t *)(const void *)room);
    d.type = DT_F32;
    refused_by_both(&f, "gt_semantic_seg", d,
                    "first.png: gt_semantic_seg is float32 [2, 2, 3] in its batch, the model takes int32 [2, 2, 3]");
    d.type = DT_I32;
    refused_by_both(&f, "seg_weight_map", d,
                    "first.png: seg_weight_map is int32 [2, 2, 3] in its batch, the model takes float32 [2, 2, 3]");
    d.dim[2] = 2;
    d.file = NULL;
    refused_by_both(&f, "gt_semantic_seg", d,
                    "the image: gt_semantic_seg is int32 [2, 2, 2] in its batch, the model takes int32 [2, 2, 3]");
    close_loss(&f);
}

static void label_is(int64_t channels, bool sigmoid, int64_t ignore_index, int32_t label, const char *complaint)
{
    fixture f = open_loss(channels, 0, sigmoid, ignore_index);
    int32_t map[12] = {0};
    map[8] = label; /* of the second image */
    plan_data d = labels(map);
    cseg_error err = {.text = ""};
    assert_int_equal(plan_bind_input(f.p, "gt_semantic_seg", &d, &err), complaint ? CSEG_DATA : CSEG_OK);
    if (complaint && !strstr(err.text, complaint))
        fail_msg("'%s' says nothing of '%s'", err.text, complaint);
    close_loss(&f);
}

static void labels_are_classes_or_ignored(void **state)
{
    (void)state;
    label_is(5, false, 255, 4, NULL);
    label_is(5, false, 255, 255, NULL);
    label_is(5, false, 5, 5, NULL);
    label_is(5, false, -1, -1, NULL);
    label_is(5, false, 255, 7,
             "second.png: label 7 is out of bounds in gt_semantic_seg: decode_head.loss_decode takes the classes 0 to "
             "4, and ignores 255");
    label_is(5, false, 255, 5, "label 5 is out of bounds");
    label_is(5, false, 5, 255, "and ignores 5");
    label_is(5, false, 255, -1, "label -1 is out of bounds");
    label_is(5, false, 255, INT32_MIN, "out of bounds");
    label_is(5, false, 255, INT32_MAX, "out of bounds");
    /* To a sigmoid a negative label is ignored, and one channel names two classes. */
    label_is(5, true, 255, -1, NULL);
    label_is(5, true, 255, 7, "label 7 is out of bounds");
    label_is(1, true, 255, 1, NULL);
    label_is(1, true, 255, 2, "takes the classes 0 to 1");
    label_is(1, false, 255, 1, "takes the classes 0 to 0");
}

/* Larger than the blocks that are looked at together, with the label at every place. */
static void no_label_is_overlooked(void **state)
{
    (void)state;
    enum { N = 2500 };
    graph *g = graph_new(false);
    cseg_error err;
    tensor *x = graph_input(g, "img", DT_F32, 2, DIMS(N, 3)), *label = graph_input(g, "label", DT_I32, 1, DIMS(N));
    graph_add_output(g, "loss",
                     op_cross_entropy(g, x, label, NULL, NULL, (loss_attr){.ignore_index = 255, .scale = 1}));
    plan *p;
    assert_int_equal(plan_build(g, &idle, &p, &err), CSEG_OK);
    static int32_t map[N];
    plan_data d = {.data = map, .type = DT_I32, .rank = 1, .dim = {N}};
    for (int i = 0; i < N; i++) {
        map[i] = 3;
        assert_int_equal(plan_bind_input(p, "label", &d, &err), CSEG_DATA);
        map[i] = i % 2 ? 255 : i % 3;
        assert_int_equal(plan_bind_input(p, "label", &d, &err), CSEG_OK);
    }
    plan_free(p);
    graph_free(g);
}

/* Two heads on one map: what one of them cannot name is refused. */
static void every_loss_counts(void **state)
{
    (void)state;
    graph *g = graph_new(false);
    cseg_error err;
    tensor *a = graph_input(g, "a", DT_F32, 2, DIMS(4, 5)), *b = graph_input(g, "b", DT_F32, 2, DIMS(4, 3));
    tensor *label = graph_input(g, "label", DT_I32, 1, DIMS(4));
    loss_attr attr = {.ignore_index = 255, .scale = 1};
    graph_add_output(g, "first", op_cross_entropy(g, a, label, NULL, NULL, attr));
    graph_push_scope(g, "auxiliary_head");
    graph_add_output(g, "second", op_cross_entropy(g, b, label, NULL, NULL, attr));
    graph_pop_scope(g);
    plan *p;
    assert_int_equal(plan_build(g, &idle, &p, &err), CSEG_OK);
    plan_data d = {.data = (int32_t[]){0, 2, 3, 255}, .type = DT_I32, .rank = 1, .dim = {4}};
    assert_int_equal(plan_bind_input(p, "label", &d, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "label 3 is out of bounds in label: auxiliary_head takes the classes 0 to 2"));
    plan_free(p);
    graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_must_be_the_models),
        cmocka_unit_test(a_model_of_two_dates_takes_pairs),
        cmocka_unit_test(shape_and_type_must_be_the_graphs),
        cmocka_unit_test(labels_are_classes_or_ignored),
        cmocka_unit_test(no_label_is_overlooked),
        cmocka_unit_test(every_loss_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

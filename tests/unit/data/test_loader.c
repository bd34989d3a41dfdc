/* Batches: order, repeatability, errors, and coming and going of threads. */
#include "data/loader/loader.h"

#include "data_test.h"

enum { IMAGES = 7 };

/* IMAGES images of 12 x 16 with labels of classes 0 to 2, and weights. */
static void make(void)
{
    for (int i = 0; i < IMAGES; i++) {
        image m;
        write_image(arena_printf(mem, "i/%c.png", 'a' + i), 12, 16, 3, 20 * i, 3);
        assert_int_equal(image_new(12, 16, 1, IMAGE_U8, &m, &err), CSEG_OK);
        for (int k = 0; k < 12 * 16; k++)
            ((uint8_t *)m.data)[k] = (uint8_t)((k + i) % 3);
        assert_int_equal(image_write(in_folder(arena_printf(mem, "l/%c.png", 'a' + i)), &m, NULL, &err), CSEG_OK);
        image_release(&m);
        write_image(arena_printf(mem, "w/%c.png", 'a' + i), 12, 16, 1, i, 0);
    }
}

#define FILES "type='BaseSegDataset', data_root='@', img_suffix='.png', metainfo=dict(classes=['a', 'b', 'c']), "
#define LOAD "dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')"
static const char *const RANDOM =
    "dict(" FILES "data_prefix=dict(img_path='i', seg_map_path='l', weight_path='w'), pipeline=[" LOAD
    ", dict(type='RandomResize', scale=(16, 12), ratio_range=(0.8, 2.0), keep_ratio=True), dict(type='RandomCrop', "
    "crop_size=(9, 9), cat_max_ratio=0.75), dict(type='RandomFlip', prob=0.5), dict(type='PhotoMetricDistortion'), "
    "dict(type='PackSegInputs')])";
static const char *const PLAIN =
    "dict(" FILES "data_prefix=dict(img_path='i', seg_map_path='l'), pipeline=[" LOAD ", dict(type='PackSegInputs')])";

static loader *open_loader(const dataset *ds, loader_options options)
{
    loader *l;
    if (loader_open(ds, &options, &l, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return l;
}

static preprocessor normalising(const char *text)
{
    preprocessor pre;
    if (preprocessor_build(literal(text), mem, &pre, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return pre;
}
static const char *const PRE = "dict(type='SegDataPreProcessor', mean=[10, 20, 30], std=[2, 3, 4], bgr_to_rgb=True, "
                               "size=(10, 10), pad_val=0, seg_pad_val=255)";

static unsigned long long mix(unsigned long long h, const void *data, size_t n)
{
    return (h ^ str_fnv1a64(data, n)) * 0x9E3779B97F4A7C15u;
}

/* Everything that is in a batch, as one number. */
static unsigned long long digest(const batch *b)
{
    size_t pixels = (size_t)(b->n * b->h * b->w);
    unsigned long long h = mix(1, b->img, pixels * (size_t)b->c * sizeof(float));
    for (int i = 0; i < b->n_maps; i++) {
        const batch_map *m = &b->maps[i];
        h = mix(h, m->key, strlen(m->key));
        h = mix(h, m->label ? (void *)m->label : (void *)m->weight, (size_t)(b->n * m->h * m->w) * 4);
    }
    for (int64_t i = 0; i < b->n; i++) {
        const batch_meta *m = &b->metas[i];
        const int64_t facts[] = {m->index, m->ori_h, m->ori_w, m->img_h,         m->img_w,
                                 m->pad_h, m->pad_w, m->flip,  m->flip_direction};
        h = mix(h, facts, sizeof facts);
        h = mix(h, m->path, strlen(m->path));
    }
    const uint64_t facts[] = {b->iteration, b->epoch, b->last_of_epoch, (uint64_t)b->n, (uint64_t)b->n_maps};
    return mix(h, facts, sizeof facts);
}

static unsigned long long next(loader *l)
{
    batch b;
    if (loader_next(l, &b, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    unsigned long long h = digest(&b);
    loader_give_back(l, &b);
    return h;
}

/* The indices of the next batch, as text. */
static const char *indices(loader *l)
{
    batch b;
    strbuf out = {.mem = mem};
    assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
    for (int64_t i = 0; i < b.n; i++)
        strbuf_addf(&out, "%s%lld", i ? " " : "", (long long)b.metas[i].index);
    strbuf_addf(&out, " (%llu%s)", (unsigned long long)b.epoch, b.last_of_epoch ? " end" : "");
    loader_give_back(l, &b);
    return out.text;
}

static void any_number_of_threads_gives_the_same_batches(void **state)
{
    (void)state;
    enum { STEPS = 12 };
    const int workers[] = {1, 2, 5, 0}, prefetch[] = {0, 1, 7, 3};
    unsigned long long first[STEPS];
    make();
    const dataset *ds = build(RANDOM);
    const preprocessor pre = normalising(PRE);
    for (int order = ORDER_SEQUENTIAL; order <= ORDER_INFINITE_SEQUENTIAL; order++)
        for (int k = 0; k < 4; k++) {
            loader *l = open_loader(ds, (loader_options){.batch_size = 3,
                                                         .workers = workers[k],
                                                         .prefetch = prefetch[k],
                                                         .order = order,
                                                         .seed = 5,
                                                         .pre = &pre,
                                                         .training = true});
            for (int i = 0; i < STEPS; i++) {
                unsigned long long h = next(l);
                if (k == 0)
                    first[i] = h;
                assert_true(h == first[i]);
            }
            loader_close(l);
        }
    /* and another seed others */
    loader *l = open_loader(
        ds, (loader_options){
                .batch_size = 3, .order = ORDER_INFINITE_SEQUENTIAL, .seed = 6, .pre = &pre, .training = true});
    assert_true(next(l) != first[0]);
    loader_close(l);
}

static void costs_are_told(void **state)
{
    (void)state;
    make();
    const preprocessor pre = normalising(PRE);
    loader *l = open_loader(
        build(RANDOM),
        (loader_options){.batch_size = 3, .workers = 2, .order = ORDER_INFINITE, .pre = &pre, .training = true});
    loader_costs first, second;
    next(l);
    loader_tell_costs(l, &first);
    for (int i = 0; i < 20; i++)
        next(l);
    loader_tell_costs(l, &second);
    assert_in_range(first.samples, 3, 3 * 4);
    assert_in_range(second.samples, 3 * 21, 3 * 24);
    assert_true(second.seconds > first.seconds && first.waited > 0 && second.waited >= first.waited);
    static const char *const names[] = {"LoadImageFromFile", "LoadAnnotations",       "RandomResize",  "RandomCrop",
                                        "RandomFlip",        "PhotoMetricDistortion", "PackSegInputs", "pack"};
    double sum = 0;
    assert_int_equal(second.steps.n, 8);
    for (int i = 0; i < 8; i++) {
        int k = 0;
        while (k < 8 && strcmp(second.steps.at[k].name, names[i]) != 0)
            k++;
        assert_in_range(k, 0, 7);
        assert_true(second.steps.at[k].seconds > 0);
        sum += second.steps.at[k].seconds;
    }
    assert_true(sum <= second.seconds);
    loader_close(l);
}

static void seeking_is_as_if_all_had_been_asked_for(void **state)
{
    (void)state;
    enum { STEPS = 14 };
    unsigned long long all[STEPS];
    make();
    const dataset *ds = build(RANDOM);
    const preprocessor pre = normalising(PRE);
    for (int order = ORDER_SEQUENTIAL; order <= ORDER_INFINITE; order++) {
        loader_options o = {.batch_size = 2, .workers = 3, .order = order, .seed = 1, .pre = &pre, .training = true};
        loader *l = open_loader(ds, o);
        for (int i = 0; i < STEPS; i++)
            all[i] = next(l);
        for (uint64_t from = 0; from < STEPS; from += 3) {
            loader_seek(l, from);
            assert_true(next(l) == all[from]);
            assert_true(from + 1 == STEPS || next(l) == all[from + 1]);
        }
        loader_close(l);
        l = open_loader(ds, o);
        loader_seek(l, 9);
        for (int i = 9; i < STEPS; i++)
            assert_true(next(l) == all[i]);
        loader_close(l);
    }
}

static void epochs_have_their_order(void **state)
{
    (void)state;
    make();
    const dataset *ds = build(PLAIN);
    loader *l = open_loader(ds, (loader_options){.batch_size = 3, .workers = 2});
    assert_int_equal(loader_batches(l), 3);
    const char *plain[] = {"0 1 2 (0)", "3 4 5 (0)", "6 (0 end)", "0 1 2 (1)"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(indices(l), plain[i]);
    loader_close(l);
    l = open_loader(ds, (loader_options){.batch_size = 3, .drop_last = true});
    assert_int_equal(loader_batches(l), 2);
    const char *dropped[] = {"0 1 2 (0)", "3 4 5 (0 end)", "0 1 2 (1)"};
    for (int i = 0; i < 3; i++)
        assert_string_equal(indices(l), dropped[i]);
    loader_close(l);
    l = open_loader(ds, (loader_options){.batch_size = 3, .order = ORDER_INFINITE_SEQUENTIAL, .drop_last = true});
    assert_int_equal(loader_batches(l), 3);
    const char *endless[] = {"0 1 2 (0)", "3 4 5 (0)", "6 0 1 (0 end)", "2 3 4 (1)", "5 6 0 (1)", "1 2 3 (2 end)"};
    for (int i = 0; i < 6; i++)
        assert_string_equal(indices(l), endless[i]);
    loader_close(l);
    l = open_loader(ds, (loader_options){.batch_size = 2, .limit = 2});
    assert_int_equal(loader_batches(l), 2);
    const char *limited[] = {"0 1 (0)", "2 3 (0 end)", "0 1 (1)"};
    for (int i = 0; i < 3; i++)
        assert_string_equal(indices(l), limited[i]);
    loader_close(l);
}

static void shuffling_gives_each_sample_once_an_epoch(void **state)
{
    (void)state;
    make();
    const dataset *ds = build(PLAIN);
    for (int order = ORDER_SHUFFLE; order <= ORDER_INFINITE; order++) {
        int64_t orders[3][IMAGES];
        loader *l = open_loader(ds, (loader_options){.batch_size = order == ORDER_SHUFFLE ? 4 : 1, .order = order});
        for (int epoch = 0; epoch < 3; epoch++) {
            int seen[IMAGES] = {0}, n = 0;
            while (n < IMAGES) {
                batch b;
                assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
                assert_int_equal(b.epoch, epoch);
                for (int64_t i = 0; i < b.n; i++) {
                    seen[b.metas[i].index]++;
                    orders[epoch][n++] = b.metas[i].index;
                }
                loader_give_back(l, &b);
            }
            for (int i = 0; i < IMAGES; i++)
                assert_int_equal(seen[i], 1);
        }
        assert_memory_not_equal(orders[0], orders[1], sizeof orders[0]);
        assert_memory_not_equal(orders[1], orders[2], sizeof orders[0]);
        loader_close(l);
    }
}

static void batches_hold_what_the_files_hold(void **state)
{
    (void)state;
    batch b;
    make();
    const dataset *ds = build("dict(" FILES "data_prefix=dict(img_path='i', seg_map_path='l', weight_path='w'), "
                              "pipeline=[" LOAD ", dict(type='PackSegInputs')])");
    const preprocessor pre = normalising("dict(type='SegDataPreProcessor', mean=[10, 20, 30], std=[2, 4, 8], "
                                         "bgr_to_rgb=True, size=(14, 20), pad_val=-1, seg_pad_val=254)");
    loader *l = open_loader(ds, (loader_options){.batch_size = 2, .workers = 2, .pre = &pre, .training = true});
    assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
    assert_int_equal(b.n, 2);
    assert_int_equal(b.h, 14);
    assert_int_equal(b.w, 20);
    assert_int_equal(b.c, 3);
    const batch_map *label = batch_find(&b, "gt_semantic_seg"), *weight = batch_find(&b, "seg_weight_map");
    assert_non_null(label->label);
    assert_null(label->weight);
    assert_non_null(weight->weight);
    assert_null(batch_find(&b, "gt_edge"));
    for (int i = 0; i < 2; i++)
        for (int y = 0; y < 14; y++)
            for (int x = 0; x < 20; x++) {
                int at = (i * 14 + y) * 20 + x, k = y * 16 + x;
                bool inside = y < 12 && x < 16;
                const float mean[] = {10, 20, 30}, std[] = {2, 4, 8};
                for (int c = 0; c < 3; c++) {
                    float level = (uint8_t)(20 * i + 3 * k + 2 - c); /* red first now */
                    assert_true(b.img[3 * at + c] == (inside ? (level - mean[c]) / std[c] : -1));
                }
                assert_int_equal(label->label[at], inside ? (k + i) % 3 : 254);
                assert_true(weight->weight[at] == (inside ? (float)i : 0));
            }
    assert_int_equal(b.metas[1].ori_h, 12);
    assert_int_equal(b.metas[1].pad_w, 20);
    assert_true(str_ends(b.metas[1].path, "/i/b.png"));
    /* one batch at a time */
    batch other;
    assert_int_equal(loader_next(l, &other, &err), CSEG_USAGE);
    loader_give_back(l, &b);
    loader_close(l);
}

static void old_test_pipelines_get_the_truth_beside_the_image(void **state)
{
    (void)state;
    batch b;
    make();
    const char *old =
        "dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', img_suffix='.png', classes="
        "['a', 'b', 'c'], reduce_zero_label=%s, test_mode=True, pipeline=[dict(type='LoadImageFromFile'), "
        "dict(type='MultiScaleFlipAug', img_scale=(8, 8), flip=False, transforms=[dict(type='Resize', "
        "keep_ratio=False), dict(type='RandomFlip'), dict(type='Normalize', mean=[0, 0, 0], std=[1, 1, 1], "
        "to_rgb=True), dict(type='ImageToTensor', keys=['img']), dict(type='Collect', keys=['img'])])])";
    for (int reduce = 0; reduce < 2; reduce++) {
        const dataset *ds = build(arena_printf(mem, old, reduce ? "True" : "False"));
        loader *l = open_loader(ds, (loader_options){.batch_size = 1, .workers = 2, .truth = true});
        assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
        assert_int_equal(b.h, 8);
        assert_int_equal(b.n_maps, 1);
        assert_int_equal(b.maps[0].h, 12);
        assert_int_equal(b.maps[0].w, 16);
        for (int k = 0; k < 12 * 16; k++)
            assert_int_equal(b.maps[0].label[k], reduce ? (k % 3 ? k % 3 - 1 : 255) : k % 3);
        loader_give_back(l, &b);
        loader_close(l);
        l = open_loader(ds, (loader_options){.batch_size = 1});
        assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
        assert_int_equal(b.n_maps, 0);
        loader_give_back(l, &b);
        loader_close(l);
    }
}

static void views_come_one_after_the_other(void **state)
{
    (void)state;
    make();
    const dataset *ds = build(
        "dict(" FILES "data_prefix=dict(img_path='i', seg_map_path='l'), pipeline=[dict(type='LoadImageFromFile'), "
        "dict(type='TestTimeAug', transforms=[[dict(type='Resize', scale_factor=1.0, keep_ratio=True), dict("
        "type='Resize', scale_factor=2.0, keep_ratio=True)], [dict(type='RandomFlip', prob=0.0, direction="
        "'horizontal'), dict(type='RandomFlip', prob=1.0, direction='horizontal')], [dict(type='LoadAnnotations')"
        "], [dict(type='PackSegInputs')]])])");
    loader *l = open_loader(ds, (loader_options){.batch_size = 1, .workers = 2});
    for (int i = 0; i < 3; i++)
        for (int v = 0; v < 4; v++) {
            batch b;
            assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
            assert_int_equal(b.n_views, 4);
            assert_int_equal(b.view, v);
            assert_int_equal(b.iteration, i);
            assert_int_equal(b.metas[0].index, i);
            assert_int_equal(b.h, v < 2 ? 12 : 24);
            assert_int_equal(b.metas[0].flip, v % 2);
            assert_int_equal(batch_find(&b, "gt_semantic_seg")->h, 12);
            loader_give_back(l, &b);
        }
    loader_close(l);
}

static void sizes_that_differ_are_padded_in_training_and_refused_in_testing(void **state)
{
    (void)state;
    batch b;
    make();
    write_image("i/b.png", 10, 20, 3, 0, 1);
    write_image("l/b.png", 10, 20, 1, 1, 0);
    const dataset *ds = build(PLAIN);
    loader *l = open_loader(ds, (loader_options){.batch_size = 2, .workers = 2});
    assert_int_equal(loader_next(l, &b, &err), CSEG_SHAPE);
    loader_close(l);
    const preprocessor pre = normalising("dict(type='SegDataPreProcessor', size=(16, 24), seg_pad_val=255)");
    l = open_loader(ds, (loader_options){.batch_size = 2, .workers = 2, .pre = &pre, .training = true});
    assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
    assert_int_equal(b.h, 16);
    assert_int_equal(b.maps[0].label[16 * 24], 1);
    assert_int_equal(b.maps[0].label[16 * 24 + 20], 255);
    loader_give_back(l, &b);
    loader_close(l);
    /* labels of files that differ, where the images were made alike */
    ds = build("dict(" FILES "data_prefix=dict(img_path='i', seg_map_path='l'), pipeline=[dict(type="
               "'LoadImageFromFile'), dict(type='Resize', scale=(8, 8)), dict(type='LoadAnnotations'), "
               "dict(type='PackSegInputs')])");
    l = open_loader(ds, (loader_options){.batch_size = 2});
    assert_int_equal(loader_next(l, &b, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "i/b.png: its labels are 10x20 where others of its batch are 12x16"));
    loader_close(l);
}

static void an_error_comes_with_the_batch_that_needed_the_sample(void **state)
{
    (void)state;
    batch b;
    make();
    const dataset *ds = build(PLAIN);
    unlink(in_folder("l/e.png"));
    write_text("i/f.png", "no image");
    for (int workers = 1; workers < 5; workers++) {
        loader *l = open_loader(ds, (loader_options){.batch_size = 2, .workers = workers});
        assert_string_equal(indices(l), "0 1 (0)");
        assert_string_equal(indices(l), "2 3 (0)");
        for (int again = 0; again < 2; again++) { /* e is before f */
            assert_int_equal(loader_next(l, &b, &err), CSEG_NOT_FOUND);
            assert_non_null(strstr(err.text, "l/e.png"));
        }
        loader_seek(l, 3);
        assert_string_equal(indices(l), "6 (0 end)");
        loader_seek(l, 2);
        assert_int_equal(loader_next(l, &b, &err), CSEG_NOT_FOUND);
        loader_close(l);
    }
}

static void it_can_be_closed_at_any_moment(void **state)
{
    (void)state;
    make();
    const dataset *ds = build(RANDOM);
    const preprocessor pre = normalising(PRE);
    for (int taken = 0; taken < 6; taken++)
        for (int out = 0; out < 2; out++) {
            batch b;
            loader *l = open_loader(ds, (loader_options){.batch_size = 3,
                                                         .workers = 4,
                                                         .prefetch = 3,
                                                         .order = ORDER_INFINITE,
                                                         .pre = &pre,
                                                         .training = true});
            for (int i = 0; i < taken; i++)
                next(l);
            if (out)
                assert_int_equal(loader_next(l, &b, &err), CSEG_OK);
            loader_close(l);
        }
    loader_close(NULL);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    loader *l;
    make();
    const dataset *ds = build(PLAIN), *bare = build_with(PLAIN, &(dataset_options){.no_pipeline = true});
    const dataset *none = build("dict(" FILES "indices=0, data_prefix=dict(img_path='i'))");
    assert_int_equal(loader_open(ds, &(loader_options){.batch_size = 0}, &l, &err), CSEG_CONFIG);
    assert_int_equal(loader_open(ds, &(loader_options){.batch_size = 1, .workers = -1}, &l, &err), CSEG_CONFIG);
    assert_int_equal(loader_open(ds, &(loader_options){.batch_size = 8, .drop_last = true}, &l, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "7 samples, fewer than one batch of 8"));
    assert_int_equal(loader_open(none, &(loader_options){.batch_size = 1}, &l, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "is empty"));
    assert_int_equal(loader_open(bare, &(loader_options){.batch_size = 1}, &l, &err), CSEG_USAGE);
    assert_null(l);
}

static void mosaics_are_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    unsigned long long first[4];
    make();
    const dataset *ds =
        build("dict(type='MultiImageMixDataset', skip_type_keys=['CLAHE'], dataset=dict(" FILES "data_prefix=dict("
              "img_path='i', seg_map_path='l'), pipeline=[" LOAD "]), pipeline=[dict(type='RandomMosaic', prob=1.0, "
              "img_scale=(12, 16)), dict(type='CLAHE'), dict(type='RandomFlip', prob=0.5), "
              "dict(type='PackSegInputs')])");
    assert_int_equal(dataset_count(ds), IMAGES);
    for (int workers = 1; workers < 5; workers++) {
        loader *l = open_loader(ds, (loader_options){.batch_size = 2, .workers = workers, .seed = 3});
        for (int i = 0; i < 4; i++) {
            unsigned long long h = next(l);
            if (workers == 1)
                first[i] = h;
            assert_true(h == first[i]);
        }
        loader_close(l);
    }
}

static void no_memory_is_an_error_of_the_batch(void **state)
{
    (void)state;
    make();
    const dataset *ds = build(RANDOM);
    const preprocessor pre = normalising(PRE);
    long n = 1;
    for (bool whole = false; !whole; n += n / 8 + 1) {
        loader *l;
        batch b;
        mem_fail_at(n);
        cseg_status status =
            loader_open(ds, &(loader_options){.batch_size = 2, .workers = 2, .pre = &pre, .training = true}, &l, &err);
        whole = status == CSEG_OK;
        for (int i = 0; status == CSEG_OK && i < 3; i++) {
            status = loader_next(l, &b, &err);
            whole = status == CSEG_OK;
            if (whole)
                loader_give_back(l, &b);
        }
        loader_close(l);
        mem_fail_at(0);
        assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
    }
    assert_true(n > 3);
}

static void real_images_make_the_batches_of_the_config(void **state)
{
    (void)state;
    const char *root = real_data("camvid");
    if (!root)
        skip();
    const char *text = "dict(type='BaseSegDataset', data_root='%s', data_prefix=dict(img_path='images/train', "
                       "seg_map_path='annotations/train'), metainfo=dict(classes=['0', '1', '2', '3', '4', '5', '6', "
                       "'7', '8', '9', '10']), pipeline=[" LOAD ", dict(type='RandomResize', scale=(480, 360), "
                       "ratio_range=(0.5, 2.0), keep_ratio=True), dict(type='RandomCrop', crop_size=(320, 320), "
                       "cat_max_ratio=0.75), dict(type='RandomFlip', prob=0.5), dict(type='PhotoMetricDistortion'), "
                       "dict(type='PackSegInputs')])";
    const dataset *ds = build(arena_printf(mem, text, root));
    const preprocessor pre =
        normalising("dict(type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, "
                    "57.12, 57.375], bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=(320, 320))");
    assert_int_equal(dataset_count(ds), 367);
    assert_int_equal(dataset_check_files(ds, false, &err), CSEG_OK);
    loader *l = open_loader(
        ds, (loader_options){.batch_size = 4, .workers = 2, .order = ORDER_INFINITE, .pre = &pre, .training = true});
    for (int i = 0; i < 5; i++) {
        batch b;
        if (loader_next(l, &b, &err) != CSEG_OK)
            fail_msg("%s", err.text);
        double sum = 0;
        int64_t n = b.n * b.h * b.w * b.c;
        assert_int_equal(n, 4 * 320 * 320 * 3);
        for (int64_t k = 0; k < n; k++) {
            assert_true(b.img[k] > -2.2f && b.img[k] < 2.7f);
            sum += b.img[k];
        }
        assert_true(sum / (double)n > -2 && sum / (double)n < 2);
        for (int64_t k = 0; k < b.n * b.h * b.w; k++)
            assert_true((b.maps[0].label[k] >= 0 && b.maps[0].label[k] < 11) || b.maps[0].label[k] == 255);
        loader_give_back(l, &b);
    }
    loader_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_number_of_threads_gives_the_same_batches),
        TEST(costs_are_told),
        TEST(seeking_is_as_if_all_had_been_asked_for),
        TEST(epochs_have_their_order),
        TEST(shuffling_gives_each_sample_once_an_epoch),
        TEST(batches_hold_what_the_files_hold),
        TEST(old_test_pipelines_get_the_truth_beside_the_image),
        TEST(views_come_one_after_the_other),
        TEST(sizes_that_differ_are_padded_in_training_and_refused_in_testing),
        TEST(an_error_comes_with_the_batch_that_needed_the_sample),
        TEST(it_can_be_closed_at_any_moment),
        TEST(nonsense_is_refused),
        TEST(mosaics_are_the_same_for_any_number_of_threads),
        TEST(no_memory_is_an_error_of_the_batch),
        TEST(real_images_make_the_batches_of_the_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Runs small enough for tests: six images of 40 x 48, a ResNet-18 of four channels, and configs of both dialects.
 * To be included last, after base/file.h, engine/train/runner.h and cmocka.h. */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "io/image/image.h"
#include "io/torch/pth.h"

#define TINY_MODEL                                                                                                     \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4,\n"   \
    "    strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),\n"                                                             \
    "  decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=3, dropout_ratio=0.1),\n" \
    "  train_cfg=dict(), test_cfg=dict(mode='whole'))\n"                                                               \
    "classes = ('ground', 'red', 'blue')\n"                                                                            \
    "palette = [[60, 60, 60], [200, 60, 90], [30, 180, 240]]\n"

/* 1.x: twelve iterations, a checkpoint each fourth, an evaluation each sixth. */
#define TINY_1X                                                                                                        \
    TINY_MODEL                                                                                                         \
    "model.update(data_preprocessor=dict(type='SegDataPreProcessor', mean=[100., 100., 100.], std=[50., 50., 50.],\n"  \
    "    size=(32, 32), pad_val=0, seg_pad_val=255))\n"                                                                \
    "load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]\n"                                          \
    "ds = dict(type='BaseSegDataset', data_root='data', metainfo=dict(classes=classes, palette=palette),\n"            \
    "    img_suffix='.png', seg_map_suffix='.png')\n"                                                                  \
    "train_dataloader = dict(batch_size=2, num_workers=2, sampler=dict(type='InfiniteSampler', shuffle=True),\n"       \
    "    dataset=dict(data_prefix=dict(img_path='img', seg_map_path='ann'), pipeline=load + [\n"                       \
    "        dict(type='RandomCrop', crop_size=(32, 32)), dict(type='RandomFlip', prob=0.5),\n"                        \
    "        dict(type='PhotoMetricDistortion'), dict(type='PackSegInputs')], **ds))\n"                                \
    "val_dataloader = dict(batch_size=1, num_workers=1, sampler=dict(type='DefaultSampler', shuffle=False),\n"         \
    "    dataset=dict(data_prefix=dict(img_path='img', seg_map_path='ann'),\n"                                         \
    "        pipeline=load + [dict(type='PackSegInputs')], **ds))\n"                                                   \
    "val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])\n"                                                   \
    "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02, momentum=0.9,\n"                    \
    "    weight_decay=0.0005))\n"                                                                                      \
    "param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4),\n"                    \
    "    dict(type='PolyLR', eta_min=1e-4, power=0.9, by_epoch=False, begin=4, end=12)]\n"                             \
    "train_cfg = dict(type='IterBasedTrainLoop', max_iters=12, val_interval=6)\n"                                      \
    "val_cfg = dict(type='ValLoop')\n"                                                                                 \
    "default_hooks = dict(logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),\n"                    \
    "    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4))\n"                                        \
    "randomness = dict(seed=5)\n"

/* 0.x: the same length, with a workflow. */
#define TINY_0X                                                                                                        \
    TINY_MODEL                                                                                                         \
    "norm = dict(type='Normalize', mean=[100., 100., 100.], std=[50., 50., 50.], to_rgb=True)\n"                       \
    "ds = dict(type='CustomDataset', data_root='data', img_dir='img', ann_dir='ann', classes=classes,\n"               \
    "    palette=palette, img_suffix='.png', seg_map_suffix='.png')\n"                                                 \
    "test_pipeline = [dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', img_scale=(48, 40), "             \
    "flip=False,\n"                                                                                                    \
    "    transforms=[dict(type='Resize', keep_ratio=True), norm, dict(type='ImageToTensor', keys=['img']),\n"          \
    "        dict(type='Collect', keys=['img'])])]\n"                                                                  \
    "data = dict(samples_per_gpu=2, workers_per_gpu=2, train=dict(pipeline=[dict(type='LoadImageFromFile'),\n"         \
    "        dict(type='LoadAnnotations'), dict(type='RandomCrop', crop_size=(32, 32)), dict(type='RandomFlip',\n"     \
    "        prob=0.5), norm, dict(type='DefaultFormatBundle'), dict(type='Collect', keys=['img',\n"                   \
    "        'gt_semantic_seg'])], **ds), val=dict(pipeline=test_pipeline, **ds))\n"                                   \
    "optimizer = dict(type='AdamW', lr=0.002, weight_decay=0.01, paramwise_cfg=dict(norm_decay_mult=0.))\n"            \
    "optimizer_config = dict(grad_clip=dict(max_norm=1.0))\n"                                                          \
    "lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, warmup='linear', warmup_iters=4)\n"                       \
    "runner = dict(type='IterBasedRunner', max_iters=12)\n"                                                            \
    "checkpoint_config = dict(interval=4)\n"                                                                           \
    "evaluation = dict(interval=6, metric='mIoU')\n"                                                                   \
    "log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])\n"                                             \
    "workflow = [('train', 2), ('val', 1)]\n"                                                                          \
    "seed = 5\n"

static char tiny_folder[4096];

static inline void tiny_check(cseg_status status, const cseg_error *err)
{
    if (status != CSEG_OK)
        fail_msg("%s", err->text);
}

static inline void tiny_pair(int i)
{
    uint8_t img[40 * 48 * 3], ann[40 * 48];
    static const uint8_t colour[3][3] = {{60, 60, 60}, {200, 60, 90}, {30, 180, 240}};
    cseg_error err;
    char path[64];
    rng r = rng_derive(17, (uint64_t)i, 0);
    int x = (int)rng_below(&r, 24), y = (int)rng_below(&r, 20);
    for (int p = 0; p < 40 * 48; p++) {
        int px = p % 48, py = p / 48;
        ann[p] = px >= x && px < x + 20 && py >= y && py < y + 16 ? (uint8_t)(1 + (px - x) / 10) : 0;
        for (int c = 0; c < 3; c++)
            img[3 * p + c] = (uint8_t)(colour[ann[p]][c] + (int)rng_below(&r, 15));
        if (p < 5)
            ann[p] = 255;
    }
    image a = {.h = 40, .w = 48, .c = 3, .type = IMAGE_U8, .data = img},
          b = {.h = 40, .w = 48, .c = 1, .type = IMAGE_U8, .data = ann};
    snprintf(path, sizeof path, "data/img/%d.png", i);
    tiny_check(image_write(path, &a, NULL, &err), &err);
    snprintf(path, sizeof path, "data/ann/%d.png", i);
    tiny_check(image_write(path, &b, NULL, &err), &err);
}

/* A new folder with the data, which becomes the working folder. */
static inline int tiny_setup(void **state)
{
    (void)state;
    cseg_error err;
    snprintf(tiny_folder, sizeof tiny_folder, "%s/tiny-XXXXXX", BUILD_DIR);
    if (!mkdtemp(tiny_folder) || chdir(tiny_folder) != 0)
        return -1;
    tiny_check(dir_create("data/img", &err), &err);
    tiny_check(dir_create("data/ann", &err), &err);
    for (int i = 0; i < 6; i++)
        tiny_pair(i);
    return 0;
}

static inline int tiny_teardown(void **state)
{
    (void)state;
    char command[4200];
    if (chdir("/") != 0)
        return -1;
    snprintf(command, sizeof command, "rm -rf '%s'", tiny_folder);
    return system(command);
}

typedef struct tiny_stop {
    int64_t at; /* iteration after which to stop; 0: never */
    bool now;
} tiny_stop;

static inline bool tiny_asked(void *arg)
{
    return ((tiny_stop *)arg)->now;
}

static inline void tiny_progress(void *arg, const runner_progress *p)
{
    tiny_stop *s = arg;
    s->now |= s->at > 0 && p->iter >= s->at;
}

typedef struct tiny_run {
    const char *config, *work_dir;
    const char *overrides[8];
    int64_t stop_at;
    bool resume;
    int threads; /* 0: one, which a busy machine does not slow down much */
    struct backend *(*make_backend)(const struct cpu_options *o); /* NULL: cpu */
} tiny_run;

/* Trains; what came of it is returned. */
static inline cseg_status tiny_train(const tiny_run *r, cseg_error *err)
{
    arena *mem = arena_new();
    value *cfg = NULL;
    experiment *e = NULL;
    tiny_stop stop = {.at = r->stop_at};
    runner_options o = {.threads = r->threads ? r->threads : 1,
                        .make_backend = r->make_backend,
                        .stop = tiny_asked,
                        .stop_arg = &stop,
                        .progress = tiny_progress,
                        .progress_arg = &stop};
    char work_dir[256];
    snprintf(work_dir, sizeof work_dir, "work_dir=%s", r->work_dir);
    cseg_status status =
        mem ? config_parse_text(r->config, "tiny.py", mem, &cfg, err) : fail_memory(err); /* tests make it fail */
    for (int i = 0; i < 8 && r->overrides[i] && status == CSEG_OK; i++)
        status = config_override(cfg, r->overrides[i], mem, err);
    if (status == CSEG_OK)
        status = config_override(cfg, work_dir, mem, err);
    if (status == CSEG_OK)
        status = experiment_read(cfg, "tiny.py", mem, &e, err);
    if (status == CSEG_OK) {
        e->resume |= r->resume;
        status = runner_train(e, &o, err);
    }
    arena_free(mem);
    return status;
}

static inline void tiny_must_train(const tiny_run *r)
{
    cseg_error err;
    tiny_check(tiny_train(r, &err), &err);
}

static inline pth *tiny_open(const char *path, arena *mem)
{
    cseg_error err;
    pth *p = NULL;
    tiny_check(pth_open(path, mem, &p, &err), &err);
    return p;
}

static inline bool tiny_same_tensor(pth *a, const pth_tensor *x, pth *b, const pth_tensor *y, arena *mem)
{
    cseg_error err;
    if (x->count != y->count || x->type != y->type)
        return false;
    size_t n = (size_t)x->count * pth_type_size(x->type);
    void *one = arena_alloc(mem, n), *two = arena_alloc(mem, n);
    assert_non_null(one);
    assert_non_null(two);
    tiny_check(pth_tensor_raw(a, x, one, &err), &err);
    tiny_check(pth_tensor_raw(b, y, two, &err), &err);
    return memcmp(one, two, n) == 0;
}

/* Everything below two nodes: kinds, numbers, texts and tensors, to the bit. The first difference is printed. */
static inline bool tiny_same_node(pth *a, const pickle_node *x, pth *b, const pickle_node *y, const char *part,
                                  arena *mem)
{
    bool same = (x == NULL) == (y == NULL);
    if (!x || !y)
        return same;
    pth_tensor s, t;
    cseg_error err;
    if (pth_is_tensor(x) && pth_is_tensor(y)) {
        tiny_check(pth_as_tensor(a, x, &s, &err), &err);
        tiny_check(pth_as_tensor(b, y, &t, &err), &err);
        same = tiny_same_tensor(a, &s, b, &t, mem);
    } else if (x->kind != y->kind) {
        same = false;
    } else if (x->kind == PICKLE_DICT || x->kind == PICKLE_LIST || x->kind == PICKLE_TUPLE) {
        same = x->seq.n == y->seq.n;
        for (size_t i = 0; same && i < x->seq.n; i++) {
            const pickle_node *key = x->kind == PICKLE_DICT && i % 2 ? x->seq.at[i - 1] : NULL;
            if (!tiny_same_node(a, x->seq.at[i], b, y->seq.at[i], key && pickle_str(key) ? pickle_str(key) : part, mem))
                return false;
        }
    } else if (x->kind == PICKLE_STR) {
        same = x->str.n == y->str.n && memcmp(x->str.text, y->str.text, x->str.n) == 0;
    } else {
        double v, w;
        same = pickle_number(x, &v) == pickle_number(y, &w) && (!pickle_number(x, &v) || v == w);
    }
    if (!same)
        print_message("differ at '%s'\n", part);
    return same;
}

/* Weights, optimizer, schedules, averages and the run's own state of two checkpoints are the same, to the bit. */
static inline bool tiny_same(const char *one, const char *two)
{
    arena *mem = arena_new();
    static const char *const parts[] = {"state_dict", "ema_state_dict", "optimizer", "param_schedulers"};
    pth *a = tiny_open(one, mem), *b = tiny_open(two, mem);
    bool same = true;
    for (int i = 0; i < 4; i++)
        same &=
            tiny_same_node(a, pickle_get(pth_root(a), parts[i]), b, pickle_get(pth_root(b), parts[i]), parts[i], mem);
    arena_free(mem);
    return same;
}

#endif

#include "model/heads/mask_points.h"

static const field fields[] = {
    FIELD_RANGE(mask_points, F_INT, num_points, "12544", 1, 1 << 24, "points of a mask that it learns from"),
    FIELD_RANGE(mask_points, F_FLOAT, oversample_ratio, "3.0", 1, 1024, "times num_points are looked at"),
    FIELD_RANGE(mask_points, F_FLOAT, importance_sample_ratio, "0.75", 0, 1,
                "share of num_points that are the most uncertain of these"),
    FIELD_ELSEWHERE(assigner, "read by mask_matcher_new"),
    FIELD_ELSEWHERE(sampler, "read by mask_sampler_check"),
};
static const field_table table = {
    .at = fields, .n = sizeof fields / sizeof *fields, .size = sizeof(mask_points), .any_more = true};

bool mask_points_read(module *m, const value *cfg, mask_points *out)
{
    return !model_failed(m->model) &&
           fields_parse(&table, "train_cfg", cfg, NULL, m->model->mem, out, &m->model->error) == CSEG_OK;
}

/* The same points for all masks of an image, [N,num_points,2]: drawn image after image. */
static tensor *points_of_images(graph *g, const mask_points *p, int64_t images)
{
    features all = features_new(g, 0);
    for (int64_t i = 0; i < images; i++)
        features_add(g, &all, op_uniform(g, 3, (int64_t[]){1, p->num_points, 2}));
    return all.n ? op_concat(g, all.at, all.n, 0) : NULL;
}

static mask_pairs matched(graph *g, const mask_points *p, const mask_matcher *matcher, const mask_points_io *io)
{
    tensor *points = points_of_images(g, p, io->map->dim[0]);
    tensor *at = op_point_sample(g, op_detach(g, io->map), points, (points_attr){0});
    match_io in = {.scores = io->scores,
                   .masks = op_matmul(g, op_detach(g, io->embed), at, false, true),
                   .targets = op_point_classes(g, io->label, points, io->present->dim[1]),
                   .present = io->present};
    return mask_match(matcher, g, &in);
}

/* Random points [rows,n,2]. Where they are given (parity tests), the first are those of the pairs, as the reference
 * draws none for rows that only fill the shape. */
static tensor *random_points(graph *g, int64_t rows, int64_t n, const mask_pairs *pairs)
{
    tensor *all = op_uniform(g, 3, (int64_t[]){rows, n, 2});
    if (!g->draws_given)
        return all;
    tensor *order = op_reshape(g, mask_row_order(g, pairs), 2, (int64_t[]){1, rows});
    return op_reshape(g, op_take_rows(g, op_reshape(g, all, 3, (int64_t[]){1, rows, 2 * n}), order), 3,
                      (int64_t[]){rows, n, 2});
}

/* Of random points those where masks [rows,h,w,1] are nearest to 0, and new random ones: [rows,num_points,2]. */
static tensor *uncertain_points(graph *g, const mask_points *p, tensor *masks, const mask_pairs *pairs)
{
    int64_t rows = masks->dim[0], all = (int64_t)((double)p->num_points * p->oversample_ratio);
    int64_t chosen = (int64_t)(p->importance_sample_ratio * (double)p->num_points), rest = p->num_points - chosen;
    tensor *seen = random_points(g, rows, all, pairs), *points = NULL;
    if (chosen) {
        tensor *at = op_point_sample(g, op_detach(g, masks), seen, (points_attr){0});
        tensor *sure = op_unary(g, op_reshape(g, at, 2, (int64_t[]){rows, all}), (unary_attr){.kind = UNARY_ABS});
        points = op_take_rows(g, seen, op_top_places(g, op_scale(g, sure, -1, 0), chosen));
    }
    if (!rest)
        return points;
    tensor *random = random_points(g, rows, rest, pairs);
    return points ? op_concat(g, (tensor *[]){points, random}, 2, 1) : random;
}

void mask_points_draw(graph *g, const mask_points *p, const mask_matcher *matcher, mask_points_io *io)
{
    if (!io->scores || !io->embed || !io->map || !io->label || !io->present)
        return;
    io->pairs = matched(g, p, matcher, io);
    tensor *embed = op_take_rows(g, io->embed, io->pairs.query);
    if (!embed)
        return;
    const int64_t *d = io->map->dim;
    int64_t rows = d[0] * embed->dim[1];
    tensor *flat = op_reshape(g, io->map, 3, (int64_t[]){d[0], d[1] * d[2], d[3]});
    tensor *masks = op_reshape(g, op_matmul(g, embed, flat, false, true), 4, (int64_t[]){rows, d[1], d[2], 1});
    if (!masks)
        return;
    tensor *points = uncertain_points(g, p, masks, &io->pairs);
    tensor *at = op_point_sample(g, masks, points, (points_attr){0});
    io->losses = (mask_losses_io){.scores = io->scores,
                                  .masks = op_reshape(g, at, 2, (int64_t[]){rows, p->num_points}),
                                  .targets = op_point_hits(g, io->label, io->pairs.class_of, points),
                                  .pairs = &io->pairs};
}

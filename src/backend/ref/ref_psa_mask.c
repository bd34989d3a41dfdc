#include "backend/ref/ref.h"

/* Copies between x [h,w,mask] and y [pixels,pixels] of one image, all places that both have. */
static void copy_masks(const psa_mask_attr *a, float *x, float *y, bool to_x)
{
    int64_t pixels = a->h * a->w, mask = a->mask_h * a->mask_w;
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t m = 0; m < mask; m++) {
            int64_t row = p / a->w + m / a->mask_w - (a->mask_h - 1) / 2;
            int64_t col = p % a->w + m % a->mask_w - (a->mask_w - 1) / 2, t = row * a->w + col;
            if (row < 0 || row >= a->h || col < 0 || col >= a->w)
                continue;
            float *at = a->distribute ? y + t * pixels + p : y + p * pixels + t;
            if (to_x)
                x[p * mask + m] = *at;
            else
                *at = x[p * mask + m];
        }
}

REF(psa_mask, NULL)
{
    const psa_mask_attr *a = &n->attr.mask;
    int64_t pixels = a->h * a->w;
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < n->in[0]->dim[0]; i++)
        copy_masks(a, (float *)in[0] + i * pixels * a->mask_h * a->mask_w, (float *)out[0] + i * pixels * pixels,
                   false);
}

REF(psa_mask_grad, NULL)
{
    const psa_mask_attr *a = &n->attr.mask;
    int64_t pixels = a->h * a->w;
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < n->in[0]->dim[0]; i++)
        copy_masks(a, (float *)out[0] + i * pixels * a->mask_h * a->mask_w, (float *)in[0] + i * pixels * pixels, true);
}

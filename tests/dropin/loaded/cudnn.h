/* For a program that finds cuDNN's functions with dlsym, in the handle of libcudnn.so.9: the calls
 * of the test program become calls through pointers, which load.c fills. */
#ifndef DROPIN_LOADED_CUDNN_H
#define DROPIN_LOADED_CUDNN_H

#include "../standin/cudnn.h"

typedef struct dropin_functions {
  __typeof__(&cudnnBatchNormalizationBackward) BatchNormalizationBackward;
  __typeof__(&cudnnBatchNormalizationBackwardEx) BatchNormalizationBackwardEx;
  __typeof__(&cudnnBatchNormalizationForwardInference) BatchNormalizationForwardInference;
  __typeof__(&cudnnBatchNormalizationForwardTraining) BatchNormalizationForwardTraining;
  __typeof__(&cudnnBatchNormalizationForwardTrainingEx) BatchNormalizationForwardTrainingEx;
  __typeof__(&cudnnCreate) Create;
  __typeof__(&cudnnCreateActivationDescriptor) CreateActivationDescriptor;
  __typeof__(&cudnnCreateTensorDescriptor) CreateTensorDescriptor;
  __typeof__(&cudnnDeriveBNTensorDescriptor) DeriveBNTensorDescriptor;
  __typeof__(&cudnnDestroy) Destroy;
  __typeof__(&cudnnDestroyActivationDescriptor) DestroyActivationDescriptor;
  __typeof__(&cudnnDestroyTensorDescriptor) DestroyTensorDescriptor;
  __typeof__(&cudnnGetActivationDescriptor) GetActivationDescriptor;
  __typeof__(&cudnnGetBatchNormalizationBackwardExWorkspaceSize)
      GetBatchNormalizationBackwardExWorkspaceSize;
  __typeof__(&cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize)
      GetBatchNormalizationForwardTrainingExWorkspaceSize;
  __typeof__(&cudnnGetBatchNormalizationTrainingExReserveSpaceSize)
      GetBatchNormalizationTrainingExReserveSpaceSize;
  __typeof__(&cudnnGetCallback) GetCallback;
  __typeof__(&cudnnGetErrorString) GetErrorString;
  __typeof__(&cudnnGetNormalizationBackwardWorkspaceSize) GetNormalizationBackwardWorkspaceSize;
  __typeof__(&cudnnGetNormalizationForwardTrainingWorkspaceSize)
      GetNormalizationForwardTrainingWorkspaceSize;
  __typeof__(&cudnnGetNormalizationTrainingReserveSpaceSize)
      GetNormalizationTrainingReserveSpaceSize;
  __typeof__(&cudnnGetProperty) GetProperty;
  __typeof__(&cudnnGetStream) GetStream;
  __typeof__(&cudnnGetTensor4dDescriptor) GetTensor4dDescriptor;
  __typeof__(&cudnnGetTensorNdDescriptor) GetTensorNdDescriptor;
  __typeof__(&cudnnGetVersion) GetVersion;
  __typeof__(&cudnnNormalizationBackward) NormalizationBackward;
  __typeof__(&cudnnNormalizationForwardInference) NormalizationForwardInference;
  __typeof__(&cudnnNormalizationForwardTraining) NormalizationForwardTraining;
  __typeof__(&cudnnSetActivationDescriptor) SetActivationDescriptor;
  __typeof__(&cudnnSetCallback) SetCallback;
  __typeof__(&cudnnSetStream) SetStream;
  __typeof__(&cudnnSetTensorNdDescriptor) SetTensorNdDescriptor;
} dropin_functions;

extern dropin_functions dropin_cudnn;

#define cudnnBatchNormalizationBackward dropin_cudnn.BatchNormalizationBackward
#define cudnnBatchNormalizationBackwardEx dropin_cudnn.BatchNormalizationBackwardEx
#define cudnnBatchNormalizationForwardInference dropin_cudnn.BatchNormalizationForwardInference
#define cudnnBatchNormalizationForwardTraining dropin_cudnn.BatchNormalizationForwardTraining
#define cudnnBatchNormalizationForwardTrainingEx dropin_cudnn.BatchNormalizationForwardTrainingEx
#define cudnnCreate dropin_cudnn.Create
#define cudnnCreateActivationDescriptor dropin_cudnn.CreateActivationDescriptor
#define cudnnCreateTensorDescriptor dropin_cudnn.CreateTensorDescriptor
#define cudnnDeriveBNTensorDescriptor dropin_cudnn.DeriveBNTensorDescriptor
#define cudnnDestroy dropin_cudnn.Destroy
#define cudnnDestroyActivationDescriptor dropin_cudnn.DestroyActivationDescriptor
#define cudnnDestroyTensorDescriptor dropin_cudnn.DestroyTensorDescriptor
#define cudnnGetActivationDescriptor dropin_cudnn.GetActivationDescriptor
#define cudnnGetBatchNormalizationBackwardExWorkspaceSize \
  dropin_cudnn.GetBatchNormalizationBackwardExWorkspaceSize
#define cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize \
  dropin_cudnn.GetBatchNormalizationForwardTrainingExWorkspaceSize
#define cudnnGetBatchNormalizationTrainingExReserveSpaceSize \
  dropin_cudnn.GetBatchNormalizationTrainingExReserveSpaceSize
#define cudnnGetCallback dropin_cudnn.GetCallback
#define cudnnGetErrorString dropin_cudnn.GetErrorString
#define cudnnGetNormalizationBackwardWorkspaceSize \
  dropin_cudnn.GetNormalizationBackwardWorkspaceSize
#define cudnnGetNormalizationForwardTrainingWorkspaceSize \
  dropin_cudnn.GetNormalizationForwardTrainingWorkspaceSize
#define cudnnGetNormalizationTrainingReserveSpaceSize \
  dropin_cudnn.GetNormalizationTrainingReserveSpaceSize
#define cudnnGetProperty dropin_cudnn.GetProperty
#define cudnnGetStream dropin_cudnn.GetStream
#define cudnnGetTensor4dDescriptor dropin_cudnn.GetTensor4dDescriptor
#define cudnnGetTensorNdDescriptor dropin_cudnn.GetTensorNdDescriptor
#define cudnnGetVersion dropin_cudnn.GetVersion
#define cudnnNormalizationBackward dropin_cudnn.NormalizationBackward
#define cudnnNormalizationForwardInference dropin_cudnn.NormalizationForwardInference
#define cudnnNormalizationForwardTraining dropin_cudnn.NormalizationForwardTraining
#define cudnnSetActivationDescriptor dropin_cudnn.SetActivationDescriptor
#define cudnnSetCallback dropin_cudnn.SetCallback
#define cudnnSetStream dropin_cudnn.SetStream
#define cudnnSetTensorNdDescriptor dropin_cudnn.SetTensorNdDescriptor

#endif /* DROPIN_LOADED_CUDNN_H */
